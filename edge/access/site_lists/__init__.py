"""The site's lists on the box: keyed hashes of plates and credentials, never their text."""
