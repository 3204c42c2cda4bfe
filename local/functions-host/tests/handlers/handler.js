// A custom handler in Node's standard library alone, written from Microsoft Learn's "Azure Functions custom handlers".
const http = require('http');

// Text values arrive as JSON in a string.
function textOf(value) {
  try { return JSON.parse(value); } catch { return value; }
}

function invoke(name, { Data, Metadata }) {
  switch (name) {
    case '/plain': {
      const order = JSON.parse(Data.req.Body);
      const body = `${Data.req.Method} ${order.item} ${Data.req.Query.page}`;
      return { Outputs: { res: { statusCode: '201', body, headers: { 'x-by': 'handler' } } }, Logs: [] };
    }
    case '/queue': {
      const message = textOf(Data.message);
      const logs = [`message ${JSON.stringify(message)} of function ${Metadata.sys.MethodName}`];
      return { Outputs: { next: [`after ${message}`] }, Logs: logs };
    }
    case '/tick':
      return { Outputs: {}, Logs: [`past due ${Data.timer.IsPastDue}`] };
    default:
      return {};
  }
}

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const url = new URL(request.url, 'http://localhost');
    if (url.pathname === '/api/forwarded') {
      response.writeHead(202, { 'Content-Type': 'text/html' });
      response.end(`<p>${url.searchParams.get('name')}`);
    } else if (request.method === 'POST') {
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify(invoke(url.pathname, JSON.parse(Buffer.concat(chunks)))));
    } else {
      response.writeHead(404);
      response.end();
    }
  });
});

server.listen(Number(process.env.FUNCTIONS_CUSTOMHANDLER_PORT), '127.0.0.1', () => console.log('node handler listens'));
