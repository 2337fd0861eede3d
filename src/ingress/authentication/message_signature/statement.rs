//! What a signature says it covers, read strictly, and the text that is signed.
//!
//! ```text
//! "@request-target": /audiohook?x=1
//! "@authority": gateway.example.com
//! "audiohook-organization-id": ...
//! "@signature-params": ("@request-target" "@authority" ...);keyid="...";nonce="...";created=...
//! ```
//!
//! The last line is written anew from what was read (RFC 8941, section 4.1), so that nothing is covered
//! that was understood in another way.

use sfv::{
    BareItem, Dictionary, FieldType as _, InnerList, Item, KeyRef, ListEntry, Parameters, Parser,
    Version,
};
use zeroize::Zeroizing;

use super::{ALGORITHM, LONGEST_HEADER, REQUIRED, RequestHead, SHORTEST_NONCE, SignatureLimits};

/// One signature.
pub(super) struct Statement {
    covered: InnerList,
    pub(super) key_id: Zeroizing<String>,
    pub(super) nonce: String,
    created: u64,
    expires: Option<u64>,
    pub(super) signature: Zeroizing<Vec<u8>>,
}

impl Statement {
    /// From the values of `Signature-Input` and `Signature`.
    pub(super) fn parse(input: &[u8], signature: &[u8]) -> Result<Self, &'static str> {
        if input.len() > LONGEST_HEADER || signature.len() > LONGEST_HEADER {
            return Err("Signature-Input or Signature has more than 4 KiB");
        }
        let dictionary = |bytes| {
            let parser = Parser::new(bytes).with_version(Version::Rfc8941);
            parser.parse::<Dictionary>()
        };
        let inputs = dictionary(input).map_err(|_| "Signature-Input is not a dictionary")?;
        let signatures = dictionary(signature).map_err(|_| "Signature is not a dictionary")?;
        let mut inputs = inputs.into_iter();
        let (Some((label, ListEntry::InnerList(covered))), None) = (inputs.next(), inputs.next())
        else {
            return Err("Signature-Input is not one list of components");
        };
        let Some(ListEntry::Item(Item {
            bare_item: BareItem::ByteSequence(signature),
            ..
        })) = signatures.get(&label)
        else {
            return Err("Signature has no bytes under the label of Signature-Input");
        };
        check_components(&covered)?;
        let mut statement = Self::read_parameters(&covered.params)?;
        statement.covered = covered;
        statement.signature = Zeroizing::new(signature.clone());
        Ok(statement)
    }

    fn read_parameters(parameters: &Parameters) -> Result<Self, &'static str> {
        let (mut key_id, mut nonce, mut created, mut expires) = (None, None, None, None);
        for (name, value) in parameters {
            match (name.as_str(), value) {
                ("keyid", BareItem::String(value)) => key_id = Some(value.as_str().to_owned()),
                ("nonce", BareItem::String(value)) => nonce = Some(value.as_str().to_owned()),
                ("alg", BareItem::String(value)) if value.as_str() == ALGORITHM => {}
                ("alg", _) => return Err("alg is not \"hmac-sha256\""),
                ("created", value) => created = Some(seconds(value)?),
                ("expires", value) => expires = Some(seconds(value)?),
                ("keyid" | "nonce", _) => return Err("keyid or nonce is not a string"),
                _ => return Err("Signature-Input has a parameter that is not known"),
            }
        }
        let nonce = nonce.ok_or("Signature-Input has no nonce")?;
        if nonce.len() < SHORTEST_NONCE {
            return Err("the nonce has fewer than 22 characters");
        }
        Ok(Self {
            covered: InnerList::default(),
            key_id: Zeroizing::new(key_id.ok_or("Signature-Input has no keyid")?),
            nonce,
            created: created.ok_or("Signature-Input has no created")?,
            expires,
            signature: Zeroizing::default(),
        })
    }

    /// What is to be signed.
    pub(super) fn new(
        key_id: &str,
        nonce: &str,
        created: u64,
        expires: Option<u64>,
    ) -> Result<Self, &'static str> {
        let text = |text: &str| {
            let text = sfv::String::from_string(text.to_owned());
            text.map(BareItem::String)
                .map_err(|_| "the key or the nonce is not ASCII")
        };
        let number = |number: u64| {
            let number = sfv::Integer::try_from(number);
            number
                .map(BareItem::Integer)
                .map_err(|_| "a time has more than 15 digits")
        };
        let mut parameters = vec![
            ("keyid", text(key_id)?),
            ("nonce", text(nonce)?),
            ("alg", text(ALGORITHM)?),
            ("created", number(created)?),
        ];
        if let Some(expires) = expires {
            parameters.push(("expires", number(expires)?));
        }
        let params: Parameters = parameters
            .into_iter()
            .map(|(name, value)| (KeyRef::constant(name).to_owned(), value))
            .collect();
        let mut statement = Self::read_parameters(&params)?;
        let components = REQUIRED.map(|name| text(name).map(Item::new));
        let components = components.into_iter().collect::<Result<_, _>>()?;
        statement.covered = InnerList::with_params(components, params);
        Ok(statement)
    }

    /// Whether the signature is fresh; the last second at which it is.
    pub(super) fn check_times(
        &self,
        now: u64,
        limits: &SignatureLimits,
    ) -> Result<u64, &'static str> {
        if self.created > now.saturating_add(limits.skew) {
            return Err("the signature was created in the future");
        }
        let aged = self.created.saturating_add(limits.age);
        let last = self.expires.map_or(aged, |expires| expires.min(aged));
        // As in the reference server, a signature must not be about to expire either.
        if last < now.saturating_add(limits.skew) {
            return Err("the signature has expired");
        }
        Ok(last)
    }

    /// The text that is signed.
    pub(super) fn base(
        &self,
        request: &RequestHead<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, &'static str> {
        let mut base = Zeroizing::new(Vec::with_capacity(2 * LONGEST_HEADER));
        for name in self.covered.items.iter().filter_map(name_of) {
            let value = match name {
                "@request-target" => request.target.as_bytes().to_vec(),
                "@authority" => request.authority.trim().to_ascii_lowercase().into_bytes(),
                "@method" => request.method.as_bytes().to_vec(),
                name if name.starts_with('@') => {
                    return Err("a component is covered that is not known");
                }
                name => canonical(request, name)
                    .filter(|value| !value.is_empty())
                    .ok_or("a header is covered that is missing or empty")?
                    .to_vec(),
            };
            let value = Zeroizing::new(value);
            base.extend_from_slice(b"\"");
            base.extend_from_slice(name.as_bytes());
            base.extend_from_slice(b"\": ");
            base.extend_from_slice(&value);
            base.extend_from_slice(b"\n");
        }
        base.extend_from_slice(b"\"@signature-params\": ");
        base.extend_from_slice(self.parameters()?.as_bytes());
        Ok(base)
    }

    /// The list of components and its parameters, as RFC 8941 writes them.
    pub(super) fn parameters(&self) -> Result<Zeroizing<String>, &'static str> {
        vec![ListEntry::InnerList(self.covered.clone())]
            .serialize()
            .map(Zeroizing::new)
            .ok_or("nothing is covered")
    }
}

fn check_components(covered: &InnerList) -> Result<(), &'static str> {
    let mut names = Vec::with_capacity(covered.items.len());
    for item in &covered.items {
        let name = name_of(item).ok_or("a covered component is not a string")?;
        if !item.params.is_empty() {
            return Err("a covered component has a parameter");
        }
        if matches!(name, "@signature-params" | "signature") {
            return Err("the signature covers itself");
        }
        if names.contains(&name) {
            return Err("a component is covered twice");
        }
        names.push(name);
    }
    if !REQUIRED.iter().all(|name| names.contains(name)) {
        return Err("a component that must be covered is not");
    }
    Ok(())
}

fn name_of(item: &Item) -> Option<&str> {
    item.bare_item.as_string().map(|name| name.as_str())
}

fn seconds(value: &BareItem) -> Result<u64, &'static str> {
    let number = value.as_integer().map(i64::from);
    number
        .and_then(|number| u64::try_from(number).ok())
        .ok_or("created or expires is not a number of seconds")
}

/// A header's value as it is signed: without space around it, folded lines joined by a space, repeated
/// ones by a comma. `None` without such a header.
pub(super) fn canonical(request: &RequestHead<'_>, name: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut joined = Zeroizing::new(Vec::new());
    let mut is_there = false;
    for value in request.values(name) {
        if is_there {
            joined.extend_from_slice(b", ");
        }
        is_there = true;
        // RFC 9112, 5.2: a line that begins with space continues the one before.
        for (index, line) in value.trim_ascii().split(|&byte| byte == b'\n').enumerate() {
            if index > 0 {
                joined.push(b' ');
            }
            joined.extend_from_slice(line.trim_ascii());
        }
    }
    is_there.then_some(joined)
}
