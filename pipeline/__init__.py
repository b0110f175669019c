"""The stages of the build, one module each; each is a command line: python -m pipeline.STAGE."""
