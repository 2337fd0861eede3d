use proptest::prelude::*;

use super::*;

/// Places 20 ms packets that claim to begin at these milliseconds, and tells where each went:
/// `start+length` in milliseconds, joined by commas.
fn check(claimed: &[u64], expected: &[&str]) {
    let mut placement = Placement::new(8);
    let heard: Vec<String> = claimed
        .iter()
        .map(|millis| {
            let placed = placement.place(millis * 8, 160);
            let parts: Vec<String> = placed
                .iter()
                .map(|part| format!("{}+{}", part.at / 8, part.samples.len() / 8))
                .collect();
            parts.join(",")
        })
        .collect();
    assert_eq!(heard, expected, "{claimed:?}");
}

#[test]
fn packets_are_placed_by_their_timestamps() {
    check(&[0, 20, 40], &["0+20", "20+20", "40+20"]);
    // The first packet says where the track begins.
    check(&[5, 25, 45], &["5+20", "25+20", "45+20"]);
    check(&[3_000, 3_020], &["3000+20", "3020+20"]);
    // Jitter below 20 ms continues to the sample.
    check(&[0, 31, 22, 60], &["0+20", "20+20", "40+20", "60+20"]);
    // One lost packet leaves a gap of its length.
    check(&[0, 40, 60], &["0+20", "40+20", "60+20"]);
    check(&[0, 3_020], &["0+20", "3020+20"]);
    // A repeated packet is dropped.
    check(&[0, 0, 20], &["0+20", "", "20+20"]);
    check(&[0, 20, 0, 20, 40], &["0+20", "20+20", "", "", "40+20"]);
    // A late packet fills the gap it left.
    check(&[0, 40, 20, 60], &["0+20", "40+20", "20+20", "60+20"]);
    check(
        &[0, 60, 20, 40, 20, 80],
        &["0+20", "60+20", "20+20", "40+20", "", "80+20"],
    );
    // An overlap keeps what came first.
    // An overlap keeps what came first: of 80..100 after 0..20 and 90..110, only 80..90 is new.
    check(
        &[0, 90, 70, 65, 110],
        &["0+20", "90+20", "70+20", "65+5", "110+20"],
    );
}

#[test]
fn a_packet_across_a_filled_gap_is_cut() {
    let mut placement = Placement::new(8);
    placement.place(0, 160);
    placement.place(800, 160);
    let placed = placement.place(600, 480);
    assert_eq!(
        placed,
        [
            Placed {
                at: 600,
                samples: 0..200
            },
            Placed {
                at: 960,
                samples: 360..480
            }
        ]
    );
}

#[test]
fn gaps_are_bounded() {
    let mut placement = Placement::new(8);
    for n in 0..10_000 {
        placement.place(n * 400, 160);
    }
    assert!(placement.gaps.len() <= REMEMBERED_GAPS);
}

proptest! {
    /// No two pieces overlap, pieces stay inside their packet and at its place.
    #[test]
    fn pieces_never_overlap(packets in prop::collection::vec((0_u64..6_000, 0_usize..700), 1..60)) {
        let mut placement = Placement::new(8);
        let mut taken = vec![false; 10_000];
        for (claimed, length) in packets {
            let mut within = 0;
            for piece in placement.place(claimed, length) {
                prop_assert!(piece.samples.start >= within && piece.samples.end <= length);
                within = piece.samples.end;
                let origin = piece.at as i64 - piece.samples.start as i64;
                prop_assert!(origin.abs_diff(claimed as i64) < 160);
                for at in piece.at..piece.at + piece.samples.len() as u64 {
                    prop_assert!(!std::mem::replace(&mut taken[at as usize], true));
                }
            }
        }
    }

    /// A stream cut into packets of any length is put together to the sample, timestamps rounded down.
    #[test]
    fn any_cutting_gives_the_same_timeline(
        offset in 0_u64..100,
        lengths in prop::collection::vec(1_usize..900, 1..80),
    ) {
        let mut placement = Placement::new(8);
        let mut next = offset * 8;
        for length in lengths {
            let placed = placement.place(next / 8 * 8, length);
            prop_assert_eq!(placed, vec![Placed { at: next, samples: 0..length }]);
            next += length as u64;
        }
    }
}
