//! The mel filter bank that Whisper's spectrogram goes through.
//!
//! Slaney's scale (Auditory Toolbox, 1998): linear below 1 kHz, logarithmic above, triangles of equal
//! area; for a 400-point transform at 16 kHz.

/// Frequency bins of a 400-point transform.
pub(crate) const BINS: usize = 201;

const RATE: f64 = 16_000.0;
const TRANSFORM: f64 = 400.0;
const LINEAR_STEP: f64 = 200.0 / 3.0;
const LOGARITHMIC_FROM: f64 = 1_000.0;

fn to_mel(hertz: f64) -> f64 {
    if hertz < LOGARITHMIC_FROM {
        hertz / LINEAR_STEP
    } else {
        LOGARITHMIC_FROM / LINEAR_STEP + (hertz / LOGARITHMIC_FROM).ln() / step()
    }
}

fn to_hertz(mel: f64) -> f64 {
    let knee = LOGARITHMIC_FROM / LINEAR_STEP;
    if mel < knee {
        mel * LINEAR_STEP
    } else {
        LOGARITHMIC_FROM * ((mel - knee) * step()).exp()
    }
}

/// Logarithmic growth for each mel above the knee: 27 mels from 1 kHz to 6.4 kHz.
fn step() -> f64 {
    6.4_f64.ln() / 27.0
}

/// `bands` triangular filters over [`BINS`] bins each, one filter after the other.
pub(crate) fn filter_bank(bands: usize) -> Vec<f32> {
    let top = to_mel(RATE / 2.0);
    let corner = |index: usize| to_hertz(top * index as f64 / (bands + 1) as f64);
    let mut filters = Vec::with_capacity(bands * BINS);
    for band in 0..bands {
        let (low, centre, high) = (corner(band), corner(band + 1), corner(band + 2));
        let height = 2.0 / (high - low);
        for bin in 0..BINS {
            let hertz = bin as f64 * RATE / TRANSFORM;
            let rising = (hertz - low) / (centre - low);
            let falling = (high - hertz) / (high - centre);
            filters.push((rising.min(falling).max(0.0) * height) as f32);
        }
    }
    filters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_triangles_of_equal_area() {
        let filters = filter_bank(80);
        assert_eq!(filters.len(), 80 * BINS);
        for (band, filter) in filters.chunks(BINS).enumerate() {
            let area: f32 = filter.iter().sum::<f32>() * 40.0;
            assert!(filter.iter().all(|weight| (0.0..0.03).contains(weight)));
            // Low filters are narrower than a bin, so their sampled area varies.
            if band > 40 {
                assert!((area - 1.0).abs() < 0.06, "band {band}: {area}");
            }
        }
    }

    #[test]
    fn known_values_of_the_80_band_bank() {
        // From librosa.filters.mel(sr=16000, n_fft=400, n_mels=80).
        let filters = filter_bank(80);
        assert!((filters[1] - 0.024_862_593).abs() < 1e-6);
        assert!((filters[BINS + 2] - 0.022_871_31).abs() < 1e-4);
    }
}
