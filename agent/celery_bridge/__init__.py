"""A Celery worker whose tasks are jobs of our server: callers see Celery, agents HTTP."""
