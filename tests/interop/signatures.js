// Twilio's own library: signs an address, or says whether a signature is good.
//   node signatures.js sign TOKEN URL
//   node signatures.js check TOKEN URL SIGNATURE
"use strict";
const twilio = require("twilio");

const [task, token, url, signature] = process.argv.slice(2);
if (task === "sign") {
  process.stdout.write(twilio.getExpectedTwilioSignature(token, url, {}));
} else {
  process.stdout.write(String(twilio.validateRequest(token, signature, url, {})));
}
