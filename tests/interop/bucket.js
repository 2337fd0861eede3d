// An object store that nobody of the gateway wrote: speaks Amazon's S3 protocol over a folder.
//   node bucket.js FOLDER PORT [KEY CERTIFICATE]
// Prints the port that it listens on; with PEM files it speaks TLS. It has one bucket, `recordings`, and one account
// whose access key and secret are both S3RVER. Ends with its standard input.
//
// s3rver takes any version 4 signature of an account that it knows: another library calculates each again.
"use strict";
const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const aws4 = require("aws4");
const S3rver = require("s3rver");

const [directory, port, key, cert] = process.argv.slice(2);
const account = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" };

// Whether a request is signed by the account (AWS Signature Version 4).
function isSigned(request) {
  const form = /^AWS4-HMAC-SHA256 Credential=S3RVER\/\d{8}\/([\w-]+)\/s3\/aws4_request, ?SignedHeaders=([\w;-]+), ?Signature=([0-9a-f]{64})$/;
  const [, region, names, signature] = form.exec(request.headers.authorization ?? "") ?? [];
  if (!signature || !names.split(";").includes("host")) return false;
  const headers = {};
  for (const name of names.split(";")) headers[name] = request.headers[name];
  const asked = { service: "s3", region, method: request.method, path: request.url, headers };
  return aws4.sign(asked, account).headers.Authorization.endsWith("Signature=" + signature);
}

const store = new S3rver({
  directory,
  silent: true,
  vhostBuckets: false,
  configureBuckets: [{ name: "recordings" }],
});

async function run() {
  await store.configureBuckets();
  const answer = store.callback();
  const handle = (request, response) => {
    if (isSigned(request)) return answer(request, response);
    request.resume();
    response.writeHead(403, { "content-type": "application/xml" });
    response.end("<Error><Code>SignatureDoesNotMatch</Code></Error>");
  };
  const server = key
    ? https.createServer({ key: fs.readFileSync(key), cert: fs.readFileSync(cert) }, handle)
    : http.createServer(handle);
  server.listen(Number(port), "127.0.0.1", () => process.stdout.write(server.address().port + "\n"));
}
run();
process.stdin.on("close", () => process.exit(0)).resume();
