"""The Job API v1 (docs/protocol.md) in code: routes, bodies, problems. Both ends import it."""
