// Three requests through a keep-alive agent: one connection, made without blocking.
const http = require('http');

const url = process.argv[2];
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function get() {
  return new Promise((resolve, reject) => {
    http.get(url, { agent }, (response) => {
      response.setEncoding('utf8');
      response.on('data', (chunk) => process.stdout.write(chunk));
      response.on('end', resolve);
    }).on('error', reject);
  });
}

get().then(get).then(get).then(() => agent.destroy());
