"""Forms: errors stand at their field in the user's language, nothing typed is lost, Enter submits."""
