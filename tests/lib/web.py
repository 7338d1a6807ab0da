"""A client over TCP, as a browser or a script is one."""
import http.client
import json

from hopnhat_test import COMMAND_DEADLINE_S, Failed


class Web:
    """Asks the HTTP interface at 127.0.0.1:port; `headers` go with every request."""

    def __init__(self, port, headers=None):
        self.port, self.headers = port, dict(headers or {})

    def ask(self, method, path, body=None, headers=None):
        """(status, JSON object, header fields)."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=COMMAND_DEADLINE_S)
        try:
            link.request(method, path, json.dumps(body) if body is not None else None,
                         {**self.headers, **(headers or {})})
            answer = link.getresponse()
            text = answer.read()
            return answer.status, json.loads(text), dict(answer.getheaders())
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Failed(f"{method} {path}: {error}") from error
        finally:
            link.close()

    def status(self, method, path, body=None, headers=None):
        return self.ask(method, path, body, headers)[0]

    def login(self, name, password):
        """A client with the token of a login."""
        status, answer, _ = self.ask("POST", "/v1/session",
                                     {"name": name, "password": password, "bearer": True})
        if status != 200:
            raise Failed(f"login of {name}: {status} {answer}")
        return Web(self.port, {"Authorization": f"Bearer {answer['token']}"})
