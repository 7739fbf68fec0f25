"""A Kubernetes cluster as fleetspec sees it: applying, watching, comparing and removing rendered objects.

Objects are plain dicts, as manifests hold them; nothing here knows of specs or plans.
"""
