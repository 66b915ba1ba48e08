"""Dask as the transport: the embedded cluster, the connection to it, and what runs in its workers."""
