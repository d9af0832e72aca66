"""Pydantic models of the API's requests and responses, one module for each part of the API.

They check what a client sends and describe what it gets; `aggregator.web.openapi` makes the OpenAPI document from them.
"""
