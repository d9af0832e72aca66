"""The pages of the monitoring room. Their content is made by `static/` from the HTTP API."""
