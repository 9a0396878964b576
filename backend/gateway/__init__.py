"""The HTTP end of the backend: REST routes, authentication, problem documents."""
