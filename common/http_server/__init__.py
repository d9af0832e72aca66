"""HTTP servers of box and aggregator: uvicorn with limits on connections, headers, bodies and slow clients."""
