"""A custom handler in Python's standard library alone, written from Microsoft Learn's "Azure Functions custom handlers"."""
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse


def text_of(value):
    """Text values arrive as JSON in a string."""
    try:
        return json.loads(value)
    except ValueError:
        return value


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlparse(self.path)
        if url.path != "/api/forwarded":
            return self.answer(404, "text/plain", b"unknown")
        name = parse_qs(url.query).get("name", ["nobody"])[0]
        self.answer(202, "text/html", f"<p>{name}".encode())

    def do_POST(self):
        body = json.loads(self.read_body())
        outputs, logs = {}, []
        if self.path == "/plain":
            request = body["Data"]["req"]
            order = json.loads(request["Body"])
            text = f"{request['Method']} {order['item']} {request['Query'].get('page')}"
            outputs["res"] = {"statusCode": "201", "body": text, "headers": {"x-by": "handler"}}
        elif self.path == "/queue":
            message = text_of(body["Data"]["message"])
            logs.append(f"message {json.dumps(message)} of function {body['Metadata']['sys']['MethodName']}")
            outputs["next"] = [f"after {message}"]
        elif self.path == "/tick":
            logs.append(f"past due {json.dumps(body['Data']['timer']['IsPastDue'])}")
        answer = json.dumps({"Outputs": outputs, "Logs": logs, "ReturnValue": None}).encode()
        self.answer(200, "application/json", answer)

    def read_body(self):
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, status, content_type, body):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


port = int(os.environ["FUNCTIONS_CUSTOMHANDLER_PORT"])
print("python handler listens", flush=True)
ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
