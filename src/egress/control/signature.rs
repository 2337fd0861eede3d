//! AWS Signature Version 4 for requests without a query, as its documentation gives the algorithm.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::ControlRequest;
use crate::call::Sensitive;

/// Who signs.
pub(super) struct Credentials<'a> {
    pub(super) access_key: &'a str,
    pub(super) secret: &'a Sensitive<String>,
    pub(super) session_token: Option<&'a Sensitive<String>>,
}

/// Adds `x-amz-date`, `x-amz-security-token` if there is one, and `authorization`, over all headers and the body.
pub(super) fn sign(
    request: &mut ControlRequest,
    credentials: &Credentials<'_>,
    region: &str,
    service: &str,
    at: Timestamp,
) {
    let utc = at.to_zoned(TimeZone::UTC);
    let time = utc.strftime("%Y%m%dT%H%M%SZ").to_string();
    let date = utc.strftime("%Y%m%d").to_string();
    request
        .headers
        .push(("x-amz-date".into(), time.clone().into()));
    if let Some(token) = credentials.session_token {
        request
            .headers
            .push(("x-amz-security-token".into(), token.clone()));
    }
    let (host, path) = host_and_path(&request.url);
    let mut signed: Vec<(&str, &str)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose().as_str()))
        .collect();
    signed.push(("host", host));
    signed.sort_unstable();
    let names = signed
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(";");
    // One holds the session token.
    let mut canonical = Zeroizing::new(format!("{}\n{path}\n\n", request.method.name()));
    for (name, value) in &signed {
        canonical.push_str(name);
        canonical.push(':');
        canonical.push_str(value.trim());
        canonical.push('\n');
    }
    canonical.push('\n');
    canonical.push_str(&names);
    canonical.push('\n');
    canonical.push_str(&hex(&Sha256::digest(request.body.as_bytes())));

    let scope = format!("{date}/{region}/{service}/aws4_request");
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
        hex(&Sha256::digest(canonical.as_bytes()))
    );
    let first = Zeroizing::new(format!("AWS4{}", credentials.secret.expose()));
    let mut key = Zeroizing::new(first.as_bytes().to_vec());
    for part in [&date, region, service, "aws4_request"] {
        key = Zeroizing::new(hmac(&key, part));
    }
    let signature = hex(&hmac(&key, &to_sign));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        credentials.access_key
    );
    request
        .headers
        .push(("authorization".into(), authorization.into()));
}

/// The address's authority as the `host` header has it, and its path.
fn host_and_path(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    }
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    // HMAC takes keys of any length.
    Hmac::<Sha256>::new_from_slice(key)
        .map(|mut mac| {
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().to_vec()
        })
        .unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::control::{Method, header};

    fn signature(mut request: ControlRequest, region: &str, service: &str) -> String {
        // The credentials and the time of the published examples.
        let credentials = Credentials {
            access_key: "AKIDEXAMPLE",
            secret: &Sensitive::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
            session_token: None,
        };
        let at = "2015-08-30T12:36:00Z".parse().unwrap();
        sign(&mut request, &credentials, region, service, at);
        request.headers.last().unwrap().1.expose().clone()
    }

    #[test]
    fn the_published_test_suite_is_met() {
        // "post-vanilla" and "post-x-www-form-urlencoded" of AWS's Signature Version 4 test suite.
        let request = |headers, body: &str| ControlRequest {
            method: Method::Post,
            url: "https://example.amazonaws.com/".into(),
            headers,
            body: body.into(),
        };
        assert_eq!(
            signature(request(Vec::new(), ""), "us-east-1", "service"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
        let form = vec![header("content-type", "application/x-www-form-urlencoded")];
        assert_eq!(
            signature(request(form, "Param1=value1"), "us-east-1", "service"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        );
    }
}
