use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::store::keys::DataKey;

const SEALED: usize = CHUNK + TAG;
const NAME: &str = "CA1";

fn key(seed: u8) -> DataKey {
    DataKey::from_bytes([seed; 32])
}

fn header(name: &str, content: Content, revision: u32) -> Header {
    Header::new(Label {
        name: name.into(),
        content,
        revision,
        sealed_at: "2026-11-22T10:00:00Z".parse().unwrap(),
    })
    .unwrap()
}

/// Bytes that differ everywhere.
fn plain(length: usize) -> Vec<u8> {
    (0..length as u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

fn seal_as(header: Header, key: &DataKey, bytes: &[u8]) -> Vec<u8> {
    let mut writer = SealedWriter::begin(Vec::new(), header, key).unwrap();
    writer.write(bytes).unwrap();
    writer.finish().unwrap()
}

fn seal(bytes: &[u8]) -> Vec<u8> {
    seal_as(header(NAME, Content::Audio, 0), &key(1), bytes)
}

fn open(file: &[u8]) -> Result<SealedReader<Cursor<Vec<u8>>>, SealError> {
    let header = Header::read(&mut &*file)?;
    SealedReader::open(Cursor::new(file.to_vec()), header, &key(1))
}

fn standing(file: &[u8]) -> Result<Standing, SealError> {
    open(file)?.examine(|_| {})
}

fn begin() -> usize {
    header(NAME, Content::Audio, 0).bytes().len()
}

/// A place in a file, as a fraction.
fn at(share: f64, length: usize) -> usize {
    ((share * length as f64) as usize).min(length - 1)
}

#[test]
fn header_says_what_it_was_told() {
    let header = header("CA1-2", Content::Transcript, 7);
    let read = Header::read(&mut header.bytes()).unwrap();
    assert_eq!(read, header);
    assert_eq!(read.label().revision, 7);
    assert_eq!(read.label().name, "CA1-2");
    assert_eq!(read.object().len(), 32);
    assert!(
        Header::new(Label {
            name: "x".repeat(256),
            ..read.label().clone()
        })
        .is_err()
    );
}

#[test]
fn lengths_around_the_chunk_size_come_back() {
    for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5] {
        let bytes = plain(length);
        let file = seal(&bytes);
        let mut reader = open(&file).unwrap();
        assert_eq!(reader.length(), length as u64);
        assert_eq!(*reader.read_whole().unwrap(), bytes, "{length}");
        assert_eq!(reader.examine(|_| {}).unwrap(), Standing::Whole, "{length}");
        assert_eq!(
            file.len(),
            begin() + length + (length / CHUNK + 1) * TAG + END.len()
        );
    }
}

#[test]
fn nothing_of_the_plain_bytes_is_in_the_file() {
    let bytes = plain(2 * CHUNK);
    let file = seal(&bytes);
    for window in bytes.windows(8).step_by(61) {
        assert!(!file.windows(8).any(|found| found == window));
    }
}

#[test]
fn what_a_crash_leaves_is_read() {
    let bytes = plain(3 * CHUNK + 100);
    let mut writer =
        SealedWriter::begin(Vec::new(), header(NAME, Content::Audio, 0), &key(1)).unwrap();
    writer.write(&bytes).unwrap();
    assert_eq!(writer.chunks(), 3);
    // As if killed: the sink alone remains.
    let file = writer.sink.clone();
    let mut reader = open(&file).unwrap();
    assert_eq!(
        reader.examine(|_| {}).unwrap(),
        Standing::CutOff { chunks: 3 }
    );
    assert_eq!(*reader.read_at(0, usize::MAX).unwrap(), bytes[..3 * CHUNK]);
    assert!(matches!(
        reader.read_whole(),
        Err(SealError::CutOff { chunks: 3 })
    ));
}

#[test]
fn another_key_opens_nothing() {
    let file = seal(&plain(CHUNK + 1));
    let header = Header::read(&mut &*file).unwrap();
    let mut reader = SealedReader::open(Cursor::new(file), header, &key(2)).unwrap();
    assert_eq!(
        reader.examine(|_| {}).unwrap(),
        Standing::Altered { chunk: 0 }
    );
    assert!(matches!(
        reader.chunk(0),
        Err(SealError::Altered { chunk: 0 })
    ));
}

#[test]
fn a_chunk_of_another_object_or_revision_is_seen() {
    let bytes = plain(3 * CHUNK);
    let file = seal(&bytes);
    // Even under the same key, which no two objects ever have.
    for other in [
        seal(&bytes),
        seal_as(header("CA2", Content::Audio, 0), &key(1), &bytes),
        seal_as(header(NAME, Content::Audio, 1), &key(1), &bytes),
        seal_as(header(NAME, Content::Report, 0), &key(1), &bytes),
    ] {
        let mut mixed = file.clone();
        let second = begin() + SEALED..begin() + 2 * SEALED;
        mixed[second.clone()].copy_from_slice(&other[second]);
        assert_eq!(standing(&mixed).unwrap(), Standing::Altered { chunk: 1 });
        // Nor does a body belong to another's header.
        let mut mixed = other.clone();
        mixed[begin()..].copy_from_slice(&file[begin()..]);
        assert_eq!(standing(&mixed).unwrap(), Standing::Altered { chunk: 0 });
    }
}

#[test]
fn an_altered_mark_is_no_crash() {
    let bytes = plain(CHUNK + 100);
    let mut file = seal(&bytes);
    *file.last_mut().unwrap() ^= 1;
    assert_eq!(standing(&file).unwrap(), Standing::Altered { chunk: 1 });
}

#[test]
fn what_follows_the_end_is_seen() {
    let file = seal(&plain(CHUNK + 100));
    for more in [1, END.len(), 1_000, SEALED, 2 * SEALED] {
        let mut longer = file.clone();
        longer.extend(plain(more));
        assert_ne!(standing(&longer).unwrap(), Standing::Whole, "{more}");
        let mut twice = file.clone();
        twice.extend(&file[file.len() - more.min(file.len())..]);
        assert_ne!(standing(&twice).unwrap(), Standing::Whole, "{more}");
    }
}

/// A sink with room for so many bytes.
struct Small(usize);

impl io::Write for Small {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let fits = bytes.len().min(self.0);
        self.0 -= fits;
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn after_a_failed_write_nothing_more_is_written() {
    let header = header(NAME, Content::Audio, 0);
    let mut writer = SealedWriter::begin(Small(begin() + 100), header, &key(1)).unwrap();
    assert!(matches!(writer.write(&plain(CHUNK)), Err(SealError::Io(_))));
    assert!(matches!(writer.finish(), Err(SealError::Broken)));
}

#[test]
fn other_files_are_told_apart() {
    let check = |file: &[u8], expected: &str| {
        let problem = standing(file).unwrap_err().to_string();
        assert!(problem.contains(expected), "{problem}");
    };
    check(b"", "ends before its first chunk");
    check(&[b'x'; 100], "is not a sealed record");
    let mut newer = seal(b"x");
    newer[8] = 2;
    check(&newer, "version 2");
    check(&seal(b"x")[..begin() - 1], "ends before its first chunk");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_writes_come_back(sizes in prop::collection::vec(0_usize..20_000, 0..6)) {
        let bytes = plain(sizes.iter().sum());
        let mut writer = SealedWriter::begin(Vec::new(), header(NAME, Content::Audio, 0), &key(1)).unwrap();
        let mut rest = &*bytes;
        for size in sizes {
            let (now, later) = rest.split_at(size);
            writer.write(now).unwrap();
            rest = later;
        }
        let file = writer.finish().unwrap();
        prop_assert_eq!(&*open(&file).unwrap().read_whole().unwrap(), &bytes);
    }

    #[test]
    fn any_place_can_be_read(length in 1_usize..40_000, from in 0.0..1.0, wanted in 0_usize..20_000) {
        let bytes = plain(length);
        let from = at(from, length);
        let end = length.min(from + wanted);
        let read = open(&seal(&bytes)).unwrap().read_at(from as u64, wanted).unwrap();
        prop_assert_eq!(&*read, &bytes[from..end]);
    }

    #[test]
    fn any_flipped_bit_is_seen(length in 0_usize..40_000, place in 0.0..1.0, bit in 0_u8..8) {
        let mut file = seal(&plain(length));
        let place = at(place, file.len());
        file[place] ^= 1 << bit;
        match standing(&file) {
            Ok(Standing::Altered { chunk }) => {
                let expected = place.saturating_sub(begin()) / SEALED;
                prop_assert_eq!(chunk as usize, expected.min(length / CHUNK));
            }
            // In the header alone: it is not read at all.
            Err(_) => prop_assert!(place < begin()),
            told => prop_assert!(false, "{:?}", told),
        }
    }

    #[test]
    fn any_cut_is_told_and_what_is_left_is_read(length in 0_usize..40_000, place in 0.0..1.0) {
        let bytes = plain(length);
        let file = seal(&bytes);
        let place = at(place, file.len());
        let cut = &file[..place];
        if place < begin() {
            let is_told = matches!(standing(cut), Err(SealError::Empty));
            prop_assert!(is_told);
        } else {
            let chunks = ((place - begin()) / SEALED).min(length / CHUNK);
            prop_assert_eq!(standing(cut).unwrap(), Standing::CutOff { chunks: chunks as u32 });
            let read = open(cut).unwrap().read_at(0, usize::MAX).unwrap();
            prop_assert_eq!(&*read, &bytes[..chunks * CHUNK]);
        }
    }

    #[test]
    fn any_swap_of_chunks_is_seen(chunks in 2_usize..5, first in 0_usize..4, second in 0_usize..4) {
        let (first, second) = (first % chunks, second % chunks);
        prop_assume!(first != second);
        let mut file = seal(&plain(chunks * CHUNK));
        let begin = begin();
        for at in 0..SEALED {
            file.swap(begin + first * SEALED + at, begin + second * SEALED + at);
        }
        let chunk = first.min(second) as u32;
        prop_assert_eq!(standing(&file).unwrap(), Standing::Altered { chunk });
    }

    #[test]
    fn any_removed_chunk_is_seen(chunks in 1_usize..5, removed in 0_usize..5) {
        let removed = removed % chunks;
        let mut file = seal(&plain(chunks * CHUNK + 9));
        file.drain(begin() + removed * SEALED..begin() + (removed + 1) * SEALED);
        prop_assert_eq!(standing(&file).unwrap(), Standing::Altered { chunk: removed as u32 });
    }

    #[test]
    fn anything_at_all_is_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut file = seal(b"");
        file.truncate(begin());
        file.extend(&bytes);
        prop_assert_ne!(standing(&file).ok(), Some(Standing::Whole));
        prop_assert!(Header::read(&mut &*bytes).is_err());
    }
}
