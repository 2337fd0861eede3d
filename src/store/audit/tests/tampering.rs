//! Whatever is done to the files, it is found, and where.

use proptest::prelude::*;

use super::*;

/// What is wrong, in which segment and line.
fn found(verdict: &Verdict) -> (String, u64, &'static str) {
    let bad = verdict.bad.as_ref().expect("nothing was found");
    (bad.segment.clone(), bad.line, bad.fault.name())
}

fn at(line: usize) -> (String, u64) {
    ("segment 0".into(), line as u64 + 1)
}

#[track_caller]
fn check(verdict: &Verdict, line: usize, fault: &str) {
    let (segment, number, name) = found(verdict);
    assert_eq!((segment, number, name), (at(line).0, at(line).1, fault));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_untouched_log_is_whole(count in 1_usize..40, every in 0_usize..10, split in 0_usize..40) {
        let log = Written::of(count, every);
        let split = split.min(count);
        let (first, second) = (text(&log.lines[..split]), text(&log.lines[split..]));
        for hmac in [true, false] {
            let verdict = verdict(&[&first, &second], with_keys(hmac, vec![log.anchor()]));
            prop_assert!(verdict.is_whole(), "{:?}", verdict.bad);
            prop_assert_eq!(verdict.entries, count as u64);
            prop_assert_eq!(verdict.signed_until, count as u64);
        }
    }

    #[test]
    fn a_flipped_bit_is_found_in_its_entry(
        count in 1_usize..12, every in 0_usize..6, place in any::<prop::sample::Index>(), bit in 0_u8..8, hmac: bool,
    ) {
        let log = Written::of(count, every);
        let mut text = log.text();
        let place = place.index(text.len());
        let line = text[..place].iter().filter(|&&byte| byte == b'\n').count();
        text[place] ^= 1 << bit;
        let verdict = verdict(&[&text], with_keys(hmac, vec![log.anchor()]));
        let (segment, number, _) = found(&verdict);
        prop_assert_eq!((segment, number), at(line));
    }

    #[test]
    fn cut_entries_are_missed(
        count in 2_usize..30, every in 0_usize..6, from in any::<prop::sample::Index>(), length in 1_usize..5, hmac: bool,
    ) {
        let log = Written::of(count, every);
        let from = from.index(count);
        let to = (from + length).min(count);
        let mut lines = log.lines.clone();
        lines.drain(from..to);
        let verdict = verdict(&[&text(&lines)], with_keys(hmac, vec![log.anchor()]));
        check(&verdict, from, if to == count { "cut_at_end" } else { "missing" });
    }

    #[test]
    fn a_byte_cut_at_the_end_is_missed(count in 1_usize..10, bytes in 1_usize..3_000, hmac: bool) {
        let log = Written::of(count, 3);
        let text = log.text();
        let left = &text[..text.len().saturating_sub(bytes)];
        let lines = left.iter().filter(|&&byte| byte == b'\n').count();
        let verdict = verdict(&[left], with_keys(hmac, vec![log.anchor()]));
        let torn = !left.is_empty() && !left.ends_with(b"\n");
        check(&verdict, lines, if torn { "incomplete" } else { "cut_at_end" });
    }

    #[test]
    fn swapped_entries_are_out_of_order(
        count in 2_usize..30, every in 0_usize..6, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>(),
        hmac: bool,
    ) {
        let log = Written::of(count, every);
        let (a, b) = (a.index(count), b.index(count));
        prop_assume!(a != b);
        let mut lines = log.lines.clone();
        lines.swap(a, b);
        let verdict = verdict(&[&text(&lines)], with_keys(hmac, vec![log.anchor()]));
        check(&verdict, a.min(b), "out_of_order");
    }

    #[test]
    fn a_repeated_entry_is_found(
        count in 1_usize..30, every in 0_usize..6, which in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(), hmac: bool,
    ) {
        let log = Written::of(count, every);
        let (which, place) = (which.index(count), place.index(count + 1));
        let mut lines = log.lines.clone();
        lines.insert(place, log.lines[which].clone());
        let verdict = verdict(&[&text(&lines)], with_keys(hmac, vec![log.anchor()]));
        // An entry before its place, or its copy after it.
        let line = if place <= which && place == which { which + 1 } else { place };
        let (_, number, fault) = found(&verdict);
        prop_assert_eq!(number, line as u64 + 1);
        prop_assert!(["repeated", "out_of_order"].contains(&fault), "{}", fault);
    }

    #[test]
    fn a_replayed_segment_is_found(count in 4_usize..30, every in 0_usize..6, split in 1_usize..20, hmac: bool) {
        let log = Written::of(count, every);
        let split = split.min(count - 1);
        let (first, second) = (text(&log.lines[..split]), text(&log.lines[split..]));
        let with = || with_keys(hmac, vec![log.anchor()]);
        let replayed = verdict(&[&first, &first, &second], with());
        prop_assert_eq!(found(&replayed), ("segment 1".into(), 1, "repeated"));
        let swapped = verdict(&[&second, &first], with());
        prop_assert_eq!(found(&swapped), ("segment 0".into(), 1, "out_of_order"));
        let missing = verdict(&[&second], with());
        prop_assert_eq!(found(&missing), ("segment 0".into(), 1, "missing"));
        let other = Written::of(count, every).text();
        let foreign = verdict(&[&first, &other], with());
        prop_assert_eq!(found(&foreign), ("segment 1".into(), 1, "other_log"));
    }

    #[test]
    fn a_chain_made_anew_without_the_key_is_found(
        count in 2_usize..30, every in 2_usize..6, which in any::<prop::sample::Index>(),
    ) {
        let log = Written::of(count, every);
        let which = which.index(count);
        // Who has only the files: changes an entry, and makes all that follow fit it.
        let mut forged = Written::new();
        let stolen = HmacKey::new([7; 32]);
        forged.head.log = log.head.log.clone();
        for (number, line) in log.lines.iter().enumerate() {
            if number < which {
                forged.head = Head { log: log.head.log.clone(), sequence: line.entry.sequence, hash: line.hash };
                forged.lines.push(line.clone());
                continue;
            }
            let mut record = Record {
                actor: line.entry.actor.clone(),
                action: line.entry.action,
                subject: line.entry.subject.clone(),
                details: line.entry.details.clone(),
            };
            if number == which {
                record = record.with_name("forged", "yes");
            }
            forged.add_with(record, &stolen);
        }
        let with_key = verdict(&[&forged.text()], with_keys(true, vec![log.anchor()]));
        check(&with_key, which, "hmac_wrong");
        // Without the key it is found at the next signature.
        let without = verdict(&[&forged.text()], with_keys(false, vec![log.anchor()]));
        let next = (which..count).find(|number| number % every == every - 1 || *number == count - 1);
        let (_, number, fault) = found(&without);
        prop_assert_eq!(number, next.unwrap() as u64 + 1);
        prop_assert!(["checkpoint_wrong", "anchor_differs"].contains(&fault), "{}", fault);
    }
}

#[test]
fn an_entry_replaced_by_one_with_the_same_number_does_not_follow() {
    let log = Written::of(5, 0);
    let mut other = Written::new();
    other.head.log = log.head.log.clone();
    for _ in 0..5 {
        other.add(hidden("CA9"));
    }
    let mut lines = log.lines.clone();
    lines[3] = other.lines[3].clone();
    let verdict = verdict(&[&text(&lines)], with_keys(true, vec![log.anchor()]));
    check(&verdict, 3, "does_not_follow");
}

#[test]
fn a_checkpoint_of_another_key_is_not_believed() {
    let log = Written::of(6, 3);
    let folder = tempfile::tempdir().unwrap();
    let stranger = KeyFiles::new(folder.path()).generate().unwrap();
    let with = Verification {
        public: vec![stranger.signing.public()],
        ..with_keys(true, Vec::new())
    };
    let verdict = verdict(&[&log.text()], with);
    check(&verdict, 2, "checkpoint_wrong");
}

#[test]
fn a_clock_that_went_back_is_noted_only() {
    let mut log = Written::of(3, 0);
    log.time -= SignedDuration::from_secs(60);
    log.add(hidden("CA1"));
    let verdict = verdict(&[&log.text()], with_keys(true, vec![log.anchor()]));
    assert!(verdict.is_whole());
    assert_eq!(verdict.clock_went_back, [4]);
}

#[test]
fn an_earlier_checkpoint_that_somebody_kept_finds_a_cut_behind_a_new_anchor() {
    let mut log = Written::of(4, 0);
    let kept = log.anchor();
    log.add(hidden("CA1"));
    let lines = &log.lines[..2];
    let rolled_back = Checkpoint::sign(
        &Head {
            log: log.head.log.clone(),
            sequence: 2,
            hash: lines[1].hash,
        },
        log.time,
        &keys().signing,
    );
    let verdict = verdict(&[&text(lines)], with_keys(true, vec![rolled_back, kept]));
    check(&verdict, 2, "cut_at_end");
}
