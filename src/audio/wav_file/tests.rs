use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A WAV file by hand: a `fmt ` chunk of 16 bytes, an odd chunk to be skipped, then the audio.
fn wav(tag: u16, channels: u16, rate: u32, bits: u16, size: Option<u32>, data: &[u8]) -> Vec<u8> {
    let frame = channels * bits / 8;
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
    file.extend(tag.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(frame)).to_le_bytes());
    file.extend(frame.to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(b"note\x03\0\0\0odd\0data");
    file.extend(size.unwrap_or(data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

fn read(bytes: &[u8]) -> Result<Vec<Vec<i16>>, String> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("call.wav");
    fs::write(&path, bytes).unwrap();
    let result = WavFile::open(&path).and_then(|mut file| file.read_to_end());
    result.map_err(|error| {
        let text = error.to_string();
        assert!(!text.contains('\n'));
        text.replace(&format!("{}: ", path.display()), "call.wav: ")
    })
}

#[track_caller]
fn refused(bytes: &[u8], expected: &str) {
    let error = read(bytes).unwrap_err();
    assert!(
        error.starts_with(&format!("call.wav: {expected}")),
        "{error}"
    );
}

#[test]
fn linear_widths() {
    assert_eq!(
        read(&wav(1, 1, 8_000, 8, None, &[0, 128, 255])).unwrap(),
        [[-32_768, 0, 32_512]]
    );
    assert_eq!(
        read(&wav(
            1,
            2,
            16_000,
            16,
            None,
            &[1, 0, 2, 0, 255, 255, 0, 128]
        ))
        .unwrap(),
        [[1, -1], [2, -32_768]]
    );
    let thirds = [0x7f, 0, 0, 0x80, 0, 0, 0xff, 0xff, 0x7f, 0, 0, 0x80];
    assert_eq!(
        read(&wav(1, 1, 8_000, 24, None, &thirds)).unwrap(),
        [[0, 1, 32_767, -32_768]]
    );
    let quarters: Vec<u8> = [0x7fff, 0x8000, i32::MAX, i32::MIN]
        .iter()
        .flat_map(|x: &i32| x.to_le_bytes())
        .collect();
    assert_eq!(
        read(&wav(1, 1, 48_000, 32, None, &quarters)).unwrap(),
        [[0, 1, 32_767, -32_768]]
    );
}

#[test]
fn float_is_clamped_and_nan_is_silence() {
    let data: Vec<u8> = [0.0, 0.5, -1.0, 1.0, 7.0, f32::NEG_INFINITY, f32::NAN]
        .iter()
        .flat_map(|x: &f32| x.to_le_bytes())
        .collect();
    assert_eq!(
        read(&wav(3, 1, 8_000, 32, None, &data)).unwrap(),
        [[0, 16_384, -32_768, 32_767, 32_767, -32_768, 0]]
    );
}

#[test]
fn companded() {
    assert_eq!(
        read(&wav(7, 1, 8_000, 8, None, &[0x00, 0xff])).unwrap(),
        [[-32_124, 0]]
    );
    assert_eq!(
        read(&wav(6, 2, 8_000, 8, None, &[0x2a, 0xd5])).unwrap(),
        [[-32_256], [8]]
    );
}

#[test]
fn extensible_format() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("extensible.wav");
    // hound writes WAVE_FORMAT_EXTENSIBLE for more than 16 bits.
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 44_100,
        bits_per_sample: 24,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for sample in [256, -256, 8_388_607, 0] {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    let mut file = WavFile::open(&path).unwrap();
    assert_eq!(
        (file.rate().hertz(), file.channels(), file.remaining()),
        (44_100, 2, 2)
    );
    assert_eq!(file.read_to_end().unwrap(), [[1, 32_767], [-1, 0]]);
}

#[test]
fn open_ended_sizes_read_to_the_end() {
    for size in [0, u32::MAX] {
        assert_eq!(
            read(&wav(1, 1, 8_000, 16, Some(size), &[1, 0, 2, 0, 3])).unwrap(),
            [[1, 2]]
        );
    }
}

#[test]
fn trouble_names_the_file() {
    refused(b"", "the file is empty");
    refused(b"OggS and so on and on", "not a WAV file");
    refused(b"RIFF", "not a WAV file");
    refused(
        &wav(1, 1, 8_000, 16, None, &[])[..48],
        "there is no \"data\" chunk",
    );
    refused(&wav(1, 1, 8_000, 16, None, &[]), "the file holds no audio");
    refused(
        &wav(1, 1, 8_000, 16, Some(100), &[1, 0]),
        "the file is cut off: its header promises 100 bytes of audio, it has 2",
    );
    refused(
        &wav(1, 6, 8_000, 16, None, &[0; 24]),
        "6 channels; WAV files of 8, 16",
    );
    refused(&wav(1, 0, 8_000, 16, None, &[0; 24]), "0 channels");
    refused(
        &wav(1, 1, 96_000, 16, None, &[0; 24]),
        "a sample rate of 96000 Hz; 8000, 11025",
    );
    refused(&wav(1, 1, 8_000, 12, None, &[0; 24]), "12-bit PCM");
    refused(&wav(3, 1, 8_000, 64, None, &[0; 24]), "64-bit float");
    refused(
        &wav(0x55, 1, 8_000, 16, None, &[0; 24]),
        "format tag 0x0055",
    );
    let mut huge_chunk = wav(1, 1, 8_000, 16, None, &[0; 4]);
    huge_chunk[40..44].copy_from_slice(&[0xff; 4]);
    refused(&huge_chunk, "the file ends before its audio begins");
    let missing = WavFile::open(Path::new("no-such-call.wav")).unwrap_err();
    assert!(
        missing
            .to_string()
            .starts_with("no-such-call.wav: No such file")
    );
    let folder = TempDir::new().unwrap();
    let error = WavFile::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("directory"), "{error}");
}

#[test]
fn legs_are_padded_to_the_longer() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("a.wav"), wav(1, 1, 8_000, 16, None, &[1, 0])).unwrap();
    fs::write(
        path("c.wav"),
        wav(7, 1, 8_000, 8, None, &[0xff, 0x00, 0x80]),
    )
    .unwrap();
    fs::write(path("fast.wav"), wav(1, 1, 16_000, 16, None, &[1, 0])).unwrap();
    fs::write(path("two.wav"), wav(1, 2, 8_000, 16, None, &[1, 0, 1, 0])).unwrap();
    let mut call = CallFile::open_legs(&path("a.wav"), &path("c.wav")).unwrap();
    assert_eq!((call.channels(), call.remaining()), (2, 3));
    assert_eq!(call.read(2).unwrap(), [[1, 0], [0, -32_124]]);
    assert_eq!(call.read(2).unwrap(), [[0], [32_124]]);
    assert!(call.read(2).unwrap().iter().all(Vec::is_empty));
    let error = CallFile::open_legs(&path("a.wav"), &path("fast.wav"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("fast.wav: 16000 Hz; expected 8000 Hz as in "),
        "{error}"
    );
    let error = CallFile::open_legs(&path("a.wav"), &path("two.wav"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("two.wav: a leg's file has one channel"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn sixteen_bit_samples_are_untouched(
        left in proptest::collection::vec(any::<i16>(), 1..400),
        piece in 1usize..90,
    ) {
        let right: Vec<i16> = left.iter().map(|x| x.wrapping_mul(31)).collect();
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("call.wav");
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        for (&l, &r) in left.iter().zip(&right) {
            writer.write_sample(l).unwrap();
            writer.write_sample(r).unwrap();
        }
        writer.finalize().unwrap();
        let mut file = WavFile::open(&path).unwrap();
        let mut heard = [Vec::new(), Vec::new()];
        while file.remaining() > 0 {
            for (leg, samples) in heard.iter_mut().zip(file.read(piece).unwrap()) {
                leg.extend(samples);
            }
        }
        prop_assert_eq!(heard, [left, right]);
    }

    #[test]
    fn garbage_is_never_more_than_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
        let mut headed = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        headed.extend(&bytes);
        let _ = read(&headed);
    }
}
