"""Flower's pages in a headless Chromium."""

import io
import os
import shutil

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import element_to_be_clickable
from selenium.webdriver.support.ui import WebDriverWait

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]

#: Of a picture, in bytes.
MOST = 120_000


class Browser:
    """One window, and what a person does in it."""

    def __init__(self, url, profile, images):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in [*FLAGS, f"--user-data-dir={profile}", "--window-size=1400,860"]:
            options.add_argument(flag)
        self.url = url
        self.images = images
        self.driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        self.driver.set_page_load_timeout(120)

    def open(self, path):
        # A change of the fragment alone would load nothing.
        self.driver.get("about:blank")
        self.driver.get(self.url + path)
        assert "Flower" in self.driver.title, f"{path} has the title {self.driver.title!r}: {self.text('body')[:300]}"

    def tab(self, name):
        """Opens a tab of the worker's page; gives its text."""
        self.click(f"#worker-tab-{name}")
        pane = f"#tab-{name}"
        self.until(lambda: self.find(pane).is_displayed())
        return self.text(pane)

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.find(selector).text

    def click(self, selector):
        self._click(WebDriverWait(self.driver, 60).until(element_to_be_clickable((By.CSS_SELECTOR, selector))))

    def _click(self, element):
        # Not below the bar that stays at the top.
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        element.click()

    def click_in_row(self, table, name, button):
        """Clicks a button in the row of a table that begins with a name."""
        self._click(self._row(table, name).find_element(By.XPATH, f".//button[normalize-space()='{button}']"))

    def type_in_row(self, table, name, label, text):
        """Types into the field of such a row that has the label."""
        field = self._row(table, name).find_element(By.CSS_SELECTOR, f"input[aria-label^='{label}']")
        field.clear()
        field.send_keys(text)

    def _row(self, table, name):
        cell = f"normalize-space(td[1])='{name}' or starts-with(normalize-space(td[1]), '{name} ')"
        return self.find(table).find_element(By.XPATH, f".//tr[{cell}]")

    def type(self, selector, text):
        field = self.find(selector)
        field.clear()
        field.send_keys(text)

    def toast(self):
        """What the page says to the last click."""
        self.until(lambda: self.driver.find_elements(By.CSS_SELECTOR, "#toast-container .toast-body"))
        said = self.driver.execute_script(
            "const toasts = [...document.querySelectorAll('#toast-container .toast')];"
            "const said = toasts.map(toast => toast.textContent.trim());"
            "toasts.forEach(toast => toast.remove()); return said;"
        )
        return " ".join(said)

    def until(self, condition, seconds=60):
        return WebDriverWait(self.driver, seconds, 0.1).until(lambda _driver: condition())

    def picture(self, name):
        """Keeps what the window shows, in few colours."""
        self.driver.execute_script("window.scrollTo({top: 0, behavior: 'instant'})")
        image = Image.open(io.BytesIO(self.driver.get_screenshot_as_png())).convert("RGB")
        file = os.path.join(self.images, f"flower-{name}.png")
        image.quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)
        size = os.path.getsize(file)
        assert size <= MOST, f"{file} has {size} bytes"

    def close(self):
        self.driver.quit()
