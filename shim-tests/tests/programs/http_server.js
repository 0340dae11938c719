// A Node server as most are written: listen(port) opens a dual-stack [::].
const http = require('http');

const port = Number(process.argv[2]);
http.createServer((request, response) => response.end('hello\n')).listen(port);
