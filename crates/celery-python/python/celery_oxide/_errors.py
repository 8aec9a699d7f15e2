"""What the user has to change."""


class SettingsError(Exception):
    """A setting or an option cannot be used. The message is for the user."""
