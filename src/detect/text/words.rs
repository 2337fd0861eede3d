//! Cuts text that comes piece by piece into words, each with its place, its speaker and a time.
//!
//! **Architecture invariant:** the words are the same however the text is cut into pieces, and what is
//! held is bounded: the words not forgotten yet, and one long line's beginning. Text is wiped.

use std::ops::Range;

use zeroize::Zeroizing;

use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::detect::conversation::Heard;

/// How long a written word takes to say.
const WORD: MediaTime = MediaTime::from_millis(350);
/// The pause between two lines.
const LINE_PAUSE: MediaTime = MediaTime::from_millis(400);
/// Bytes of a line after which it is cut into words without waiting for its end. A longer word is several.
const LONGEST: usize = 64 * 1024;

/// A written word.
struct Word {
    line: usize,
    /// Where it stands in the whole text.
    bytes: Range<usize>,
    /// Where its text is in all that was ever kept.
    kept: usize,
    leg: Leg,
    start: MediaTime,
}

/// The latest words of a text.
pub(super) struct Words {
    words: Vec<Word>,
    /// The text of the words.
    kept: Zeroizing<String>,
    /// How much of what was kept is forgotten.
    forgotten: usize,
    /// What is not cut into words yet, and where it begins in the whole text.
    pending: Zeroizing<String>,
    offset: usize,
    /// The line that `pending` belongs to, and whose it is, if part of it was cut into words.
    line: usize,
    leg: Option<Leg>,
    time: MediaTime,
}

impl Words {
    pub(super) fn new() -> Self {
        Self {
            words: Vec::new(),
            kept: Zeroizing::default(),
            forgotten: 0,
            pending: Zeroizing::default(),
            offset: 0,
            line: 1,
            leg: None,
            time: MediaTime::ZERO,
        }
    }

    /// How many words are held.
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// Takes the next piece of the text.
    pub(super) fn push(&mut self, piece: &str) {
        append(&mut self.pending, piece);
        self.cut(false);
    }

    /// Takes the last line, which may lack its end.
    pub(super) fn finish(&mut self) {
        self.cut(true);
    }

    /// Forgets the first words.
    pub(super) fn forget(&mut self, count: usize) {
        self.words.drain(..count);
        let end = self.forgotten + self.kept.len();
        let kept_from = self.words.first().map_or(end, |word| word.kept);
        self.kept.drain(..kept_from - self.forgotten);
        self.forgotten = kept_from;
    }

    /// The line that a word stands in.
    pub(super) fn line(&self, word: usize) -> Option<usize> {
        self.words.get(word).map(|word| word.line)
    }

    /// Whose a word is.
    pub(super) fn leg(&self, word: usize) -> Option<Leg> {
        self.words.get(word).map(|word| word.leg)
    }

    /// Where a word stands in the whole text.
    pub(super) fn bytes(&self, word: usize) -> Range<usize> {
        self.words.get(word).map_or(0..0, |word| word.bytes.clone())
    }

    /// Some words as if they were spoken.
    pub(super) fn heard(&self, range: Range<usize>) -> Vec<Heard<'_>> {
        let words = self.words.get(range).unwrap_or_default();
        words
            .iter()
            .map(|word| {
                let start = word.kept - self.forgotten;
                Heard {
                    leg: word.leg,
                    span: Span::new(word.start, word.start + WORD),
                    text: &self.kept[start..start + word.bytes.len()],
                }
            })
            .collect()
    }

    /// The words that a span touches; words do not overlap in time.
    pub(super) fn within(&self, span: Span) -> Range<usize> {
        let first = self
            .words
            .partition_point(|word| word.start + WORD <= span.start);
        let end = self.words.partition_point(|word| word.start < span.end);
        first..end.max(first)
    }

    /// Cuts what is pending, as far as it is clear what it is.
    fn cut(&mut self, ended: bool) {
        let pending = std::mem::take(&mut self.pending);
        let mut at = 0;
        while at < pending.len() {
            let rest = &pending[at..];
            let near = &rest[..rest.floor_char_boundary(LONGEST)];
            let length = match near.find('\n') {
                Some(line_feed) => line_feed + 1,
                None if rest.len() >= LONGEST => whole_words(near),
                None if ended => rest.len(),
                None => break,
            };
            self.line_part(&rest[..length]);
            at += length;
        }
        append(&mut self.pending, &pending[at..]);
    }

    /// Takes a line or a part of a long one.
    fn line_part(&mut self, part: &str) {
        let (leg, spoken_from) = match self.leg {
            Some(leg) => (leg, 0),
            None => speaker(part),
        };
        self.leg = Some(leg);
        for word in part[spoken_from..].split_whitespace() {
            // The word is a part of the line, so their addresses tell its place.
            let start = self.offset + (word.as_ptr() as usize - part.as_ptr() as usize);
            self.words.push(Word {
                line: self.line,
                bytes: start..start + word.len(),
                kept: self.forgotten + self.kept.len(),
                leg,
                start: self.time,
            });
            append(&mut self.kept, word);
            self.time = self.time + WORD;
        }
        self.offset += part.len();
        if part.ends_with('\n') {
            self.line += 1;
            self.leg = None;
            self.time = self.time + LINE_PAUSE;
        }
    }
}

/// How much of a part of a line is whole words; all of it, if it is one.
fn whole_words(part: &str) -> usize {
    match part.trim_end_matches(|c: char| !c.is_whitespace()).len() {
        0 => part.len(),
        length => length,
    }
}

/// Appends without leaving a copy behind.
fn append(text: &mut Zeroizing<String>, more: &str) {
    if text.len() + more.len() > text.capacity() {
        let mut larger = Zeroizing::new(String::with_capacity(2 * (text.len() + more.len())));
        larger.push_str(text);
        *text = larger;
    }
    text.push_str(more);
}

/// Who speaks a line, and where the speech begins in it.
fn speaker(line: &str) -> (Leg, usize) {
    let Some((name, _)) = line.split_once(':') else {
        return (Leg::Mixed, 0);
    };
    // A byte order mark may begin the text.
    let spoken = name.trim_start_matches('\u{feff}').trim();
    let is = |known: &[&str]| known.iter().any(|known| spoken.eq_ignore_ascii_case(known));
    if is(&[
        "agent",
        "assistant",
        "representative",
        "rep",
        "support",
        "상담원",
    ]) {
        (Leg::Agent, name.len() + 1)
    } else if is(&["customer", "caller", "client", "user", "고객"]) {
        (Leg::Customer, name.len() + 1)
    } else {
        (Leg::Mixed, 0)
    }
}
