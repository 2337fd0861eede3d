//! How `jsonwebtoken` verifies signatures: by ring, and nothing but public-key algorithms.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};

/// The algorithms that are taken. Not `HS*`, whose key would be the client's secret, and not `none`.
pub(super) const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: no_signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Has `jsonwebtoken` use ring, in this process.
pub(super) fn install() {
    // The first one stays, and it is this one.
    let _ = PROVIDER.install_default();
}

/// The gateway signs no tokens.
fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(ErrorKind::InvalidAlgorithm.into())
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let family = match algorithm {
        Algorithm::ES256 | Algorithm::ES384 => AlgorithmFamily::Ec,
        Algorithm::EdDSA => AlgorithmFamily::Ed,
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
            return Err(ErrorKind::InvalidAlgorithm.into());
        }
        _ => AlgorithmFamily::Rsa,
    };
    if key.family() != family {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    Ok(Box::new(RingVerifier {
        algorithm: *algorithm,
        key: key.clone(),
    }))
}

struct RingVerifier {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], found: &Vec<u8>) -> std::result::Result<(), Error> {
        let rsa = match self.algorithm {
            Algorithm::RS256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::RS384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
            Algorithm::RS512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
            Algorithm::PS256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
            Algorithm::PS384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
            Algorithm::PS512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
            _ => None,
        };
        let verified = match (rsa, self.key.kind()) {
            (Some(parameters), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, found)
            }
            (None, DecodingKeyKind::SecretOrDer(point)) => {
                let algorithm: &dyn signature::VerificationAlgorithm = match self.algorithm {
                    Algorithm::ES256 => &signature::ECDSA_P256_SHA256_FIXED,
                    Algorithm::ES384 => &signature::ECDSA_P384_SHA384_FIXED,
                    Algorithm::EdDSA => &signature::ED25519,
                    _ => return Err(Error::new()),
                };
                UnparsedPublicKey::new(algorithm, point).verify(message, found)
            }
            _ => return Err(Error::new()),
        };
        verified.map_err(|_| Error::new())
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    /// Made by OpenSSL for this test; the private key was thrown away.
    const MODULUS: &str = "uAXImm3vPq1aUirRzPTnYvqqIEdgu_Lv-Prd1qvExKaWtDlu51Hx-QJfOYNbzElA9QFmC6cMD4MmDSKZJjhHtE6ZZB\
        vE5gQv2fD30ERGdtpuSqiaVtaqkLLeKjFmySrKdBp_h5yeuczx4ZOKpc8HMO7ocGFFW8WFwCBig7QrJ85jhz8SROUK\
        xqKaEdLeV2tZBbxKFYNKCZ1ZoKayOvuDIuY9oNaxyQONBNTnS0WIH25DMkLV0uHbdLQos_G6eqIfZBd_0O3p3ZTrYl\
        n2M3oOAQXcpDXXHL9qxjgOZyUEd3EXNBy2q0hpOdV6e7l5BZ_DFzrnZ_u7cBMZJBR67Q-S3Q";
    /// What each algorithm of it signed: `header.claims`.
    const SIGNATURES: &[(Algorithm, &str)] = &[
        (
            Algorithm::RS256,
            "rQT_MaKWPN2Qb1lMaUhhGNdWkZusBcS9b6CAzXv2I4stL0Qxh1cWY5cueIIMoT4wXffOdWvxywsgAxZx6lnJZkfReu\
             QB-j5qVQ_ToUQ6vsOtt58r6vOjmfAKMoWzRTaa0MtjDb8S7zMIvY4-1amJ65ATnnMvqdmcFKPTR17keDkwL1sOQD9S\
             4gmEYpDt_VXJS5ZZ-oo1HO6Oh2611j2fkHkERRgX4pih0vyUA2r5Xx-I5eNlc5ZTPxMkk0gOTdXIljamJsYbLE4h5g\
             _Fc1ixpLMCacQzKgfsmIPAIQuRbgKGGTeIIa5BoqBFUWuzPNINv8cyK-GKCw_98h0OpMuCdg",
        ),
        (
            Algorithm::RS512,
            "MdN-YgkgQJBKB_GAxT5rZU_I_dTJKKiC2Nyfdsp4wun43Wqs1Agj98hMkjA0VG7tirV0jj3r_jojYaH9jRVyHWgoEK\
             wGpa6inBUTc-IloFIb7JrAJXhlgbIadF5R6dESiDgsGHpddkn3maBPcA35sdX6vEYUVM9oe1krQUVxONsR1EGM_jH2\
             _JUVzrmvlXSHBNCBLreI2a4to3bX0KOWY1BBfAgBTmx5z7ErKmFN3jRZvUHhhgR5kFTZBAPkTgwiy3pgSQCgA8Rl7k\
             GS0XDpFoX7hG10QZ0SQcnRlWjrvpcFeyDg7n_LJt70FIWzb4vICIvvkz0VoVg9Fi9Vo74zsQ",
        ),
        (
            Algorithm::PS256,
            "StTq2HDYoUT0-fxuJIWYCuUEDIJ95VEW0pCNokYsrj5XohmtBYEdDVOKrLgSveBFEkxZjWJp-0SIhcL1hn_tDd2z6u\
             u0juMriY7XhjxSVKaOzCo-GN5HxKSmyV5Wew7Ar0ouPx1BGr4MTHDLWUo0vluEf56ZWXavhq9lw-YoTd55eex2J2eg\
             8S-dNq4ddopZw423fcUUCyUQu8oqp_wfjF8IkZutcM9-556HHLlI5Cqx2GCNbIsX3hbeVBvAHrlSD1T6STDgeC06mi\
             qdan8u9O1ERrx_xNtw6FkYAA5zA8_mh1NpRXxe9cBctvSVBHv9rElB2aNF0V8-kJy2gSYgQA",
        ),
        (
            Algorithm::PS384,
            "L3rOY4m5Loj9KcqF8enyJzaeRd-7c5dM8cpdsdQPXHGfSq-D7qxtnW-Yai_8INIBywaAiWlOEYMj6iF6Hdgo76_xFI\
             clF-1onAkFwIYuW-KKlo5sI43B3u3gJvfSqOSQrKkCXhx7V6wR60puzKiEC_oTMN6UKu82K43OGr2iZmebO-8CydF-\
             nP2mMhWnUdVj4JdOreOASr_zEivrctMFKJhB3R8jIuvn1vSbuv_XjMV0q8YQe4CMyxrNRVDl_bdIMvVQTsqtLrxJM_\
             WP3nNiTy0uJ57P8Ngz9p3Y9pCMc3hSWVk9AQAtfmby2zvBn4JmQKCdOD1pyTd70wseTQxRtQ",
        ),
    ];

    fn is_good(algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let Ok(key) = DecodingKey::from_rsa_components(MODULUS, "AQAB") else {
            return false;
        };
        verifier(&algorithm, &key)
            .is_ok_and(|verifier| verifier.verify(message, &signature.to_vec()).is_ok())
    }

    #[test]
    fn signatures_of_rsa_hold_for_their_algorithm_and_text_alone() {
        for (algorithm, signature) in SIGNATURES {
            let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            assert!(
                is_good(*algorithm, b"header.claims", &signature),
                "{algorithm:?}"
            );
            assert!(!is_good(*algorithm, b"header.claimt", &signature));
            for other in ALGORITHMS.iter().filter(|other| *other != algorithm) {
                assert!(!is_good(*other, b"header.claims", &signature), "{other:?}");
            }
            let mut damaged = signature;
            damaged[7] ^= 1;
            assert!(!is_good(*algorithm, b"header.claims", &damaged));
        }
    }
}
