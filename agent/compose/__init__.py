"""The one place that knows every class: builds the edges from the settings and hands them out."""
