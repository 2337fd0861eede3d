// A recorder that nobody of the gateway wrote: takes Twilio's protocol and writes each track's mu-law.
//   node record.js FOLDER
// Prints the port that it listens on; each connection is a folder of its own: inbound.ul, outbound.ul, done.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { WebSocketServer } = require("ws");

const folder = process.argv[2];
const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
let connections = 0;
server.on("listening", () => process.stdout.write(server.address().port + "\n"));
server.on("connection", (socket) => {
  const own = path.join(folder, String(connections++));
  fs.mkdirSync(own, { recursive: true });
  const order = [];
  socket.on("message", (data, isBinary) => {
    if (isBinary) throw new Error("Twilio sends text");
    const message = JSON.parse(data.toString());
    if (order.at(-1) !== message.event) order.push(message.event);
    if (message.event === "media") {
      const bytes = Buffer.from(message.media.payload, "base64");
      fs.appendFileSync(path.join(own, message.media.track + ".ul"), bytes);
    }
  });
  socket.on("close", (code) => fs.writeFileSync(path.join(own, "done"), JSON.stringify({ code, order })));
});
