"""Sends as many tasks as it is told with `delay()` in a loop, and prints the seconds that took."""

import sys
import time

from tasks import app


@app.task(name="bench.publish", ignore_result=True)
def publish(x, y):
    return x + y


def main():
    count = int(sys.argv[1])
    # The first one connects.
    publish.delay(0, 1)
    start = time.perf_counter()
    for number in range(count):
        publish.delay(number, 1)
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main()
