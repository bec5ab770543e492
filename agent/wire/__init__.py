"""The Job API v1 (docs/protocol) in code: routes, bodies, problems. Both ends import it."""
