"""The two database engines behind the port."""
