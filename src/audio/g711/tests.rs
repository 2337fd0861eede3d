use super::*;

#[test]
fn anchors_of_the_recommendation() {
    // ITU-T G.711, tables 2a and 1a: the extremes and the smallest steps.
    assert_eq!(
        Law::Mu.decode(&[0x00, 0x80, 0x7f, 0xff]),
        [-32_124, 32_124, 0, 0]
    );
    assert_eq!(
        Law::A.decode(&[0x2a, 0xaa, 0x55, 0xd5]),
        [-32_256, 32_256, -8, 8]
    );
}

#[test]
fn decoded_samples_survive_a_second_trip() {
    for law in [Law::Mu, Law::A] {
        let all: Vec<u8> = (0..=255).collect();
        let once = law.decode(&all);
        assert_eq!(law.decode(&law.encode(&once)), once);
    }
}
