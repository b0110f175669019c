"""The archive and the external set: checked, indexed and cached."""
