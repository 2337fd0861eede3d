// A WebSocket client that nobody of the gateway wrote: sends what a file says, a message a line, and prints
// what comes back.
//   node play.js URL MESSAGES [SUBPROTOCOL] [HEADER=VALUE ...]
// A line is JSON: {"text": "..."} or {"base64": "..."}; {"await": true} waits for an answer.
"use strict";
const fs = require("node:fs");
const WebSocket = require("ws");

const [url, file, subprotocol, ...pairs] = process.argv.slice(2);
const lines = fs.readFileSync(file, "utf8").split("\n").filter(Boolean);
const headers = Object.fromEntries(pairs.map((pair) => {
  const at = pair.indexOf("=");
  return [pair.slice(0, at), pair.slice(at + 1)];
}));
const socket = new WebSocket(url, subprotocol || [], { headers });
const answers = [];
const waiting = [];
const close = { code: null };

socket.on("message", (data) => {
  answers.push(data.toString());
  const next = waiting.shift();
  if (next) next();
});
socket.on("unexpected-response", (_request, response) => {
  process.stdout.write(JSON.stringify({ status: response.statusCode }) + "\n");
  process.exit(0);
});
socket.on("error", (error) => {
  process.stderr.write(String(error) + "\n");
  process.exit(1);
});
socket.on("close", (code) => {
  close.code = code;
  process.stdout.write(JSON.stringify({ status: 101, answers, close: code, subprotocol: socket.protocol }) + "\n");
});
socket.on("open", async () => {
  let read = 0;
  for (const line of lines) {
    const message = JSON.parse(line);
    if (message.await) {
      if (answers.length <= read) await new Promise((resolve) => waiting.push(resolve));
      read += 1;
      continue;
    }
    const payload = message.text ?? Buffer.from(message.base64, "base64");
    await new Promise((resolve) => socket.send(payload, resolve));
  }
  socket.close(1000);
});
