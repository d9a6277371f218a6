"""What both sides agree on: settings, errors, signature, model store, log lines."""
