"""The web side: the decide page. HTTP in, HTTP out; what a page says and what a form does is the service's."""
