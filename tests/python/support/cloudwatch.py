"""What takes uploads of metrics in the protocol of today's SDKs, RPC v2 CBOR. It listens on 127.0.0.1."""

import gzip
import http.server
import threading

import cbor2

PATH = "/service/GraniteServiceVersion20100801/operation/PutMetricData"


class CloudWatch:
    def __init__(self):
        self.requests, self.statuses = [], []
        self.lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                status = outer.take(self.path, self.headers, cbor2.loads(body))
                answer = {} if status == 200 else {"__type": "InternalServiceFault", "message": "not now"}
                answer = cbor2.dumps(answer)
                self.send_response(status)
                self.send_header("smithy-protocol", "rpc-v2-cbor")
                self.send_header("Content-Type", "application/cbor")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path, headers, request):
        with self.lock:
            assert path == PATH
            status = self.statuses.pop(0) if self.statuses else 200
            self.requests.append((status, headers["Authorization"], request))
            return status

    def data(self, name, *dimensions):
        """The data taken of a metric with just these dimensions."""
        with self.lock:
            return [datum for status, _, request in self.requests if status == 200
                    for datum in request["MetricData"]
                    if datum["MetricName"] == name and dimensions == tuple(
                        (one["Name"], one["Value"]) for one in datum.get("Dimensions", []))]

    def sum(self, name, *dimensions):
        return sum(datum["StatisticValues"]["Sum"] for datum in self.data(name, *dimensions))

    def close(self):
        self.server.shutdown()
        self.server.server_close()
