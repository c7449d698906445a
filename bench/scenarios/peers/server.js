// This file holds the job of the profile steady as a server of Node.js: the body's
// JSON, a parameter of it, a branch, arithmetic, an answer in JSON of the shape that
// AVAP's has. Usage: node server.js HOST PORT PROCESSES
'use strict';

const cluster = require('node:cluster');
const http = require('node:http');

const [host, port, processes] = process.argv.slice(2);

function answer(body) {
  const max = JSON.parse(body).limit;
  let total;
  if (max > 10) {
    total = max * 1.21;
  } else {
    total = max + 5;
  }
  const label = 'T-' + max;
  return JSON.stringify({
    success: true,
    result: { total, label },
    variables: { max, total, label },
  });
}

function handle(request, response) {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    // A body of a kilobyte comes in one piece as a rule.
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    let text;
    try {
      text = answer(body);
    } catch {
      response.writeHead(400).end();
      return;
    }
    response.writeHead(200, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(text),
    });
    response.end(text);
  });
}

if (cluster.isPrimary) {
  for (let i = 0; i < Number(processes); i++) {
    cluster.fork();
  }
} else {
  const server = http.createServer({ keepAliveTimeout: 600_000 }, handle);
  server.listen(Number(port), host);
}
