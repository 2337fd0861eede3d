//! A document to what it says.

use roxmltree::{Document, Error, Node, ParsingOptions};

use super::{
    Annotation, DEEPEST, LONGEST, MOST, MetadataError, Participant, RecordedSession,
    RecordedStream, RecordingMetadata,
};
use crate::call::Sensitive;

/// Elements and texts of a document; many times what a call has.
const MOST_NODES: u32 = 20_000;
/// Undeclared prefixes that are made up for.
const MOST_PREFIXES: usize = 8;

/// Elements of the model (RFC 7865, 6); what is in none of them is an annotation.
const MODEL: &[&str] = &[
    "datamode",
    "group",
    "session",
    "participant",
    "stream",
    "sessionrecordingassoc",
    "participantsessionassoc",
    "participantstreamassoc",
];

pub(super) fn document(bytes: &[u8]) -> Result<RecordingMetadata, MetadataError> {
    if bytes.len() > LONGEST {
        return Err(MetadataError::TooLong);
    }
    let text = String::from_utf8_lossy(bytes);
    // Nothing may come before the declaration, and does; senders also send the end of a C string.
    let mut text = text
        .trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}' || c == '\0')
        .to_owned();
    for _ in 0..=MOST_PREFIXES {
        let options = ParsingOptions {
            nodes_limit: MOST_NODES,
            ..ParsingOptions::default()
        };
        let undeclared = match Document::parse_with_options(&text, options) {
            Ok(document) => return read(&document),
            Err(Error::UnknownNamespace(prefix, _)) => prefix,
            Err(Error::DtdDetected) => return Err(MetadataError::DocumentType),
            Err(Error::NodesLimitReached) => return Err(MetadataError::TooDeep),
            Err(error) => return Err(MetadataError::Malformed(error.pos().row)),
        };
        if !declare(&mut text, &undeclared) {
            break;
        }
    }
    Err(MetadataError::Malformed(1))
}

/// Declares a prefix at the root element.
fn declare(text: &mut String, prefix: &str) -> bool {
    let root = text
        .match_indices('<')
        .map(|(at, _)| at + 1)
        .find(|at| text[*at..].starts_with(|c: char| c.is_alphabetic() || c == '_'));
    let Some(root) = root else {
        return false;
    };
    let name = text[root..].find(|c: char| c.is_whitespace() || matches!(c, '>' | '/'));
    let Some(name) = name else {
        return false;
    };
    text.insert_str(
        root + name,
        &format!(" xmlns:{prefix}=\"urn:undeclared:{prefix}\""),
    );
    true
}

fn read(document: &Document<'_>) -> Result<RecordingMetadata, MetadataError> {
    let mut depths: Vec<usize> = Vec::new();
    let mut found = RecordingMetadata::default();
    let mut associations = Vec::new();
    for node in document.root().descendants() {
        let depth = node
            .parent()
            .and_then(|parent| depths.get(parent.id().get_usize()))
            .map_or(0, |depth| depth + 1);
        if depth > DEEPEST {
            return Err(MetadataError::TooDeep);
        }
        depths.resize(node.id().get_usize() + 1, 0);
        depths[node.id().get_usize()] = depth;
        if node.is_element() {
            element(node, &mut found, &mut associations);
        }
    }
    for (participant, node) in associations {
        let known = found.participants.iter().position(|p| p.id == participant);
        // A partial document may only say who speaks on which stream, or who left.
        let at = known.unwrap_or(found.participants.len());
        if known.is_none() && at < MOST {
            found.participants.push(unnamed(participant));
        }
        if let Some(known) = found.participants.get_mut(at) {
            associate(known, node);
        }
    }
    Ok(found)
}

fn element<'a, 'input>(
    node: Node<'a, 'input>,
    found: &mut RecordingMetadata,
    associations: &mut Vec<(String, Node<'a, 'input>)>,
) {
    match &*node.tag_name().name().to_ascii_lowercase() {
        "datamode" => found.partial = text(node).eq_ignore_ascii_case("partial"),
        "group" => {
            if let Some(id) = id(node, "group_id").filter(|_| found.groups.len() < MOST) {
                found.groups.push(id);
            }
        }
        "session" if id(node, "session_id").is_some() && found.sessions.len() < MOST => {
            found.sessions.push(RecordedSession {
                id: id(node, "session_id").unwrap_or_default(),
                sip_session_id: child(node, "sipSessionID").map(text).map(Sensitive::new),
                ended: child(node, "stop-time").is_some(),
            });
        }
        "participant" if found.participants.len() < MOST => {
            if let Some(id) = id(node, "participant_id") {
                found.participants.push(participant(id, node));
            }
        }
        "stream" if found.streams.len() < MOST => {
            if let Some(id) = id(node, "stream_id") {
                found.streams.push(RecordedStream {
                    id,
                    session: attribute(node, "session_id").or_else(|| attribute(node, "session")),
                    label: child(node, "label")
                        .map(text)
                        .or_else(|| attribute(node, "label"))
                        .filter(|label| !label.is_empty()),
                });
            }
        }
        "participantstreamassoc" if associations.len() < 4 * MOST => {
            if let Some(participant) = id(node, "participant_id") {
                associations.push((participant, node));
            }
        }
        "participantsessionassoc" if child(node, "disassociate-time").is_some() => {
            if let Some(participant) = id(node, "participant_id") {
                associations.push((participant, node));
            }
        }
        _ => annotation(node, found),
    }
}

/// An element with a text that no element of the model holds.
fn annotation(node: Node<'_, '_>, found: &mut RecordingMetadata) {
    let value = text(node);
    let inside = node.ancestors().skip(1).any(|outer| {
        MODEL
            .iter()
            .any(|known| outer.tag_name().name().eq_ignore_ascii_case(known))
    });
    let extends = node
        .ancestors()
        .any(|outer| is(outer, "extensiondata") || is(outer, "callData"));
    let leaf = !node.children().any(|inner| inner.is_element());
    if leaf && !value.is_empty() && (extends || !inside) && found.annotations.len() < MOST {
        // As we write them: the name is an attribute.
        let name = attribute(node, "name").filter(|_| is(node, "annotation"));
        found.annotations.push(Annotation {
            name: name.unwrap_or_else(|| node.tag_name().name().to_owned()),
            value: Sensitive::new(value),
        });
    }
}

fn unnamed(id: String) -> Participant {
    Participant {
        id,
        address: Sensitive::new(String::new()),
        name: None,
        calling: None,
        sends: Vec::new(),
        receives: Vec::new(),
        left: false,
    }
}

fn participant(id: String, node: Node<'_, '_>) -> Participant {
    let mut found = unnamed(id);
    let named = node.descendants().find(|inner| is(*inner, "nameID"));
    let address = named
        .and_then(|named| attribute(named, "aor"))
        .or_else(|| node.descendants().find(|inner| is(*inner, "aor")).map(text))
        .or_else(|| attribute(node, "aor"));
    found.address = Sensitive::new(address.unwrap_or_default());
    found.name = node
        .descendants()
        .find(|inner| is(*inner, "name"))
        .map(text)
        // OpenSIPS appends parameters to the name.
        .map(|name| name.split(';').next().unwrap_or_default().trim().to_owned())
        .filter(|name| !name.is_empty())
        .map(Sensitive::new);
    found.calling = node
        .descendants()
        .find(|inner| is(*inner, "callingParty"))
        .map(|inner| text(inner).eq_ignore_ascii_case("true"));
    associate(&mut found, node);
    found.left = child(node, "disassociate-time").is_some();
    found
}

/// What an element says of the streams of a participant, or of its leaving.
fn associate(participant: &mut Participant, node: Node<'_, '_>) {
    for inner in node.children().filter(Node::is_element) {
        let (list, id) = match inner.tag_name().name() {
            name if name.eq_ignore_ascii_case("send") => (&mut participant.sends, text(inner)),
            name if name.eq_ignore_ascii_case("recv") => (&mut participant.receives, text(inner)),
            name if name.eq_ignore_ascii_case("disassociate-time")
                && is(node, "participantsessionassoc") =>
            {
                participant.left = true;
                continue;
            }
            _ => continue,
        };
        // Cisco repeats and empties these on hold.
        if !id.is_empty() && !list.contains(&id) && list.len() < MOST {
            list.push(id);
        }
    }
}

fn is(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name().eq_ignore_ascii_case(name)
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|inner| is(*inner, name))
}

/// The texts right inside of an element.
fn text(node: Node<'_, '_>) -> String {
    let texts: String = node
        .children()
        .filter(Node::is_text)
        .filter_map(|inner| inner.text())
        .collect();
    texts.trim().to_owned()
}

fn attribute(node: Node<'_, '_>, name: &str) -> Option<String> {
    node.attributes()
        .find(|attribute| attribute.name().eq_ignore_ascii_case(name))
        .map(|attribute| attribute.value().trim().to_owned())
        .filter(|value| !value.is_empty())
}

/// An id as the standard names it, or as `id`.
fn id(node: Node<'_, '_>, name: &str) -> Option<String> {
    attribute(node, name).or_else(|| attribute(node, "id"))
}
