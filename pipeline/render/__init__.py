"""The article: templates and the run's own tables and figures in, a PDF out; imported by no other part."""
