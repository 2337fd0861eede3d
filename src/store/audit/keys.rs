//! The log's two keys and the files they live in.
//!
//! | file | what | who needs it |
//! | --- | --- | --- |
//! | `audit-hmac.key` | 32 random bytes in base 64 | the gateway; an auditor who is to check HMACs |
//! | `audit-signing.pem` | Ed25519 private key, PKCS #8 | the gateway |
//! | `audit-public.pem` | Ed25519 public key, SubjectPublicKeyInfo (RFC 8410) | everybody |
//!
//! **Architecture invariant:** private files are readable by their owner only, or are refused; no key is printed.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::AuditError;
use super::digest::Sha256Digest;
use crate::call::Sensitive;

/// What comes before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410, 4).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// No key file is longer.
const LONGEST_FILE: u64 = 16 * 1024;

/// Authenticates entries.
#[derive(Clone, Debug)]
pub struct HmacKey(Sensitive<[u8; 32]>);

impl HmacKey {
    /// From its bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Sensitive::new(bytes))
    }

    /// Names the key without telling it.
    pub fn id(&self) -> String {
        short(Sha256Digest::of(&[
            b"hushgate audit hmac key\n",
            self.0.expose(),
        ]))
    }

    fn mac(&self, text: &[u8]) -> Option<Hmac<Sha256>> {
        // HMAC takes keys of every length.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose()).ok()?;
        mac.update(text);
        Some(mac)
    }

    pub(super) fn authenticate(&self, text: &[u8]) -> Sha256Digest {
        self.mac(text).map_or(Sha256Digest::ZERO, |mac| {
            Sha256Digest(mac.finalize().into_bytes().into())
        })
    }

    pub(super) fn verifies(&self, text: &[u8], hmac: Sha256Digest) -> bool {
        self.mac(text)
            .is_some_and(|mac| mac.verify_slice(&hmac.0).is_ok())
    }
}

/// Signs checkpoints and bundles.
pub struct SigningKey(Ed25519KeyPair);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public().id())
    }
}

impl SigningKey {
    /// From PKCS #8, with or without the public key in it (OpenSSL leaves it out).
    fn from_pkcs8(bytes: &[u8]) -> Option<Self> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(bytes)
            .ok()
            .map(Self)
    }

    /// The half that may be told.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    pub(in crate::store) fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.0.sign(text).as_ref().to_vec()
    }
}

/// Checks signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Names the key: the first 16 hexadecimal digits of the SHA-256 of its SubjectPublicKeyInfo.
    pub fn id(&self) -> String {
        short(Sha256Digest::of(&[&SPKI_PREFIX, &self.0]))
    }

    pub(in crate::store) fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(text, signature)
            .is_ok()
    }

    /// As a PEM file, which OpenSSL reads.
    pub fn to_pem(&self) -> String {
        pem("PUBLIC KEY", &[&SPKI_PREFIX[..], &self.0].concat())
    }

    /// Reads [`PublicKey::to_pem`].
    pub fn from_pem(text: &str) -> Option<Self> {
        let bytes = from_pem("PUBLIC KEY", text)?;
        let key = bytes.strip_prefix(&SPKI_PREFIX[..])?;
        Some(Self(key.try_into().ok()?))
    }

    /// Reads a PEM file.
    pub fn read(file: &Path) -> Result<Self, AuditError> {
        let text = read(file)?;
        Self::from_pem(&text).ok_or_else(|| AuditError::Key {
            file: file.to_owned(),
            problem: "is not an Ed25519 public key; expected a PEM file such as `hushgate audit keys public` prints"
                .into(),
        })
    }
}

fn short(sum: Sha256Digest) -> String {
    sum.to_string().chars().take(16).collect()
}

/// What the writer of a log needs.
#[derive(Debug)]
pub struct AuditKeys {
    /// Authenticates entries.
    pub hmac: HmacKey,
    /// Signs checkpoints and bundles.
    pub signing: SigningKey,
}

/// The files of a log's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFiles {
    folder: PathBuf,
}

impl KeyFiles {
    /// In this folder, which need not exist.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The HMAC key's file.
    pub fn hmac(&self) -> PathBuf {
        self.folder.join("audit-hmac.key")
    }

    /// The private key's file.
    pub fn signing(&self) -> PathBuf {
        self.folder.join("audit-signing.pem")
    }

    /// The public key's file.
    pub fn public(&self) -> PathBuf {
        self.folder.join("audit-public.pem")
    }

    /// Whether none of them is there.
    pub fn are_absent(&self) -> bool {
        [self.hmac(), self.signing(), self.public()]
            .iter()
            .all(|file| !file.exists())
    }

    /// Makes new keys. Fails when there are some: keys are never overwritten.
    pub fn generate(&self) -> Result<AuditKeys, AuditError> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(AuditError::file("create", &self.folder))?;
        let random = SystemRandom::new();
        let no_random = |_| AuditError::Key {
            file: self.folder.clone(),
            problem: "the system gives no random numbers".into(),
        };
        let mut key = Zeroizing::new([0; 32]);
        random.fill(&mut *key).map_err(no_random)?;
        let document = Ed25519KeyPair::generate_pkcs8(&random).map_err(no_random)?;
        let signing =
            SigningKey::from_pkcs8(document.as_ref()).ok_or_else(|| self.not_private())?;
        let encoded = Zeroizing::new(STANDARD.encode(*key) + "\n");
        write_new(&self.hmac(), &encoded, 0o600)?;
        let private = Zeroizing::new(pem("PRIVATE KEY", document.as_ref()));
        write_new(&self.signing(), &private, 0o600)?;
        write_new(&self.public(), &signing.public().to_pem(), 0o644)?;
        Ok(AuditKeys {
            hmac: HmacKey::new(*key),
            signing,
        })
    }

    /// Reads both keys.
    pub fn load(&self) -> Result<AuditKeys, AuditError> {
        Ok(AuditKeys {
            hmac: self.load_hmac()?,
            signing: self.load_signing()?,
        })
    }

    /// Reads the HMAC key.
    pub fn load_hmac(&self) -> Result<HmacKey, AuditError> {
        let file = self.hmac();
        let text = Zeroizing::new(read_private(&file)?);
        let bytes = STANDARD.decode(text.trim()).map(Zeroizing::new);
        let key = bytes.ok().and_then(|bytes| bytes[..].try_into().ok());
        key.map(HmacKey::new).ok_or_else(|| AuditError::Key {
            file,
            problem: "is not an audit key; expected 32 bytes in base 64, such as `hushgate audit keys generate` writes"
                .into(),
        })
    }

    /// Reads the private key.
    pub fn load_signing(&self) -> Result<SigningKey, AuditError> {
        let text = Zeroizing::new(read_private(&self.signing())?);
        from_pem("PRIVATE KEY", &text)
            .map(Zeroizing::new)
            .and_then(|bytes| SigningKey::from_pkcs8(&bytes))
            .ok_or_else(|| self.not_private())
    }

    fn not_private(&self) -> AuditError {
        AuditError::Key {
            file: self.signing(),
            problem: "is not an Ed25519 private key; expected PKCS #8 in PEM, such as `hushgate audit keys generate` \
                      writes"
                .into(),
        }
    }
}

fn pem(label: &str, bytes: &[u8]) -> String {
    let encoded = Zeroizing::new(STANDARD.encode(bytes));
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text + &format!("-----END {label}-----\n")
}

fn from_pem(label: &str, text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: Zeroizing<String> = Zeroizing::new(body.split_whitespace().collect());
    STANDARD.decode(body.as_bytes()).ok()
}

fn read(file: &Path) -> Result<String, AuditError> {
    let opened = std::fs::File::open(file).map_err(AuditError::file("read", file))?;
    let mut text = String::new();
    opened
        .take(LONGEST_FILE)
        .read_to_string(&mut text)
        .map_err(AuditError::file("read", file))?;
    Ok(text)
}

/// Reads a file that nobody but its owner may read.
fn read_private(file: &Path) -> Result<String, AuditError> {
    let metadata = std::fs::metadata(file).map_err(AuditError::file("read", file))?;
    if metadata.mode() & 0o077 != 0 {
        return Err(AuditError::Key {
            file: file.to_owned(),
            problem: format!(
                "others than its owner may use this key (mode {:o}); make it `chmod 600`",
                metadata.mode() & 0o777
            ),
        });
    }
    read(file)
}

fn write_new(file: &Path, text: &str, mode: u32) -> Result<(), AuditError> {
    let write = || {
        let mut opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(file)?;
        opened.write_all(text.as_bytes())?;
        opened.sync_all()
    };
    write().map_err(AuditError::file("create the key file", file))
}
