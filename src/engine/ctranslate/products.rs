//! Products of one row with a large matrix, as the decoder asks for with each token.
//!
//! CTranslate2 asks oneDNN for `activations x weights + correction`, all in whole numbers. For that, oneDNN first copies
//! all weights into the order that its large products want, even if there is but one row to multiply with: with each
//! token all the decoder's weights are read, written and read again, 20 MB for the words alone. Without a correction it
//! has a way that reads them once. So products of one row are asked for without it, and it is added here. Whole numbers
//! have no rounding: the result is the same to the bit. Two rows and more are faster with one copy for all of them.
//!
//! The linker puts [`one_row`] before oneDNN's function (`build.rs`: `--wrap`).

#![expect(
    unsafe_code,
    reason = "stands between two libraries whose interface is C's"
)]

use std::ffi::{c_char, c_int};

/// oneDNN's `dnnl_success`.
const SUCCESS: c_int = 0;

unsafe extern "C" {
    /// oneDNN's own function, by the name that the linker gives it.
    #[link_name = "__real_dnnl_gemm_u8s8s32"]
    fn whole_product(
        transposes_a: c_char,
        transposes_b: c_char,
        correction_kind: c_char,
        m: i64,
        n: i64,
        k: i64,
        alpha: f32,
        a: *const u8,
        a_stride: i64,
        a_offset: u8,
        b: *const i8,
        b_stride: i64,
        b_offset: i8,
        beta: f32,
        c: *mut i32,
        c_stride: i64,
        correction: *const i32,
    ) -> c_int;
}

/// In place of `dnnl_gemm_u8s8s32` (see its description in `dnnl.h`).
///
/// # Safety
/// As for that function: matrices of `m` x `k`, `k` x `n` and `m` x `n` numbers, row by row, as many apart as the strides
/// say; the correction has `n` for `R`, `m` for `C` and one for `F`.
#[unsafe(export_name = "__wrap_dnnl_gemm_u8s8s32")]
unsafe extern "C" fn one_row(
    transposes_a: c_char,
    transposes_b: c_char,
    correction_kind: c_char,
    m: i64,
    n: i64,
    k: i64,
    alpha: f32,
    a: *const u8,
    a_stride: i64,
    a_offset: u8,
    b: *const i8,
    b_stride: i64,
    b_offset: i8,
    beta: f32,
    c: *mut i32,
    c_stride: i64,
    correction: *const i32,
) -> c_int {
    let is = |given: c_char, letter: u8| given.cast_unsigned().eq_ignore_ascii_case(&letter);
    let plain = a_offset == 0 && b_offset == 0 && alpha == 1.0 && beta == 0.0;
    let is_ours = plain
        && m == 1
        && is(transposes_a, b'N')
        && is(transposes_b, b'T')
        && is(correction_kind, b'R');
    let (true, Ok(columns)) = (is_ours, usize::try_from(n)) else {
        // SAFETY: what the caller promised for the same arguments.
        return unsafe {
            whole_product(
                transposes_a,
                transposes_b,
                correction_kind,
                m,
                n,
                k,
                alpha,
                a,
                a_stride,
                a_offset,
                b,
                b_stride,
                b_offset,
                beta,
                c,
                c_stride,
                correction,
            )
        };
    };
    let none = 0;
    // SAFETY: as the caller promised; the kind of correction that is asked for has one number.
    let status = unsafe {
        whole_product(
            transposes_a,
            transposes_b,
            b'F'.cast_signed(),
            m,
            n,
            k,
            alpha,
            a,
            a_stride,
            a_offset,
            b,
            b_stride,
            b_offset,
            beta,
            c,
            c_stride,
            &none,
        )
    };
    if status != SUCCESS {
        return status;
    }
    // SAFETY: the result's row has `n` numbers, which oneDNN has filled and nobody else touches meanwhile, and so many
    // has the correction.
    let (sums, correction) = unsafe {
        (
            std::slice::from_raw_parts_mut(c, columns),
            std::slice::from_raw_parts(correction, columns),
        )
    };
    for (sum, correction) in sums.iter_mut().zip(correction) {
        *sum = sum.wrapping_add(*correction);
    }
    SUCCESS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The product as it is defined.
    fn expected(a: &[u8], b: &[i8], correction: &[i32], [m, n, k]: [usize; 3]) -> Vec<i32> {
        let mut c = Vec::new();
        for row in 0..m {
            for column in 0..n {
                let terms =
                    (0..k).map(|at| i32::from(a[row * k + at]) * i32::from(b[column * k + at]));
                c.push(terms.sum::<i32>() + correction[column]);
            }
        }
        c
    }

    proptest! {
        #[test]
        fn products_are_the_same_with_one_row_and_many(
            (m, n, k) in (1usize..4, 1usize..90, 1usize..200),
            seed in any::<u64>(),
        ) {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 40) as i32
            };
            // Seven bits, as CTranslate2 quantises: two products of eight would not fit into 16 bits on processors
            // without VNNI.
            let a: Vec<u8> = (0..m * k).map(|_| (next() & 0x7F) as u8).collect();
            let b: Vec<i8> = (0..n * k).map(|_| (next() & 0x7F) as i8 - 64).collect();
            let correction: Vec<i32> = (0..n).map(|_| next() & 0xFFFF).collect();
            let mut c = vec![-1; m * n];
            let kind = |letter: u8| letter.cast_signed();
            // SAFETY: the vectors are as long as the sizes say.
            let status = unsafe {
                one_row(
                    kind(b'N'), kind(b'T'), kind(b'R'), m as i64, n as i64, k as i64, 1.0,
                    a.as_ptr(), k as i64, 0, b.as_ptr(), k as i64, 0, 0.0,
                    c.as_mut_ptr(), n as i64, correction.as_ptr(),
                )
            };
            prop_assert_eq!(status, SUCCESS);
            prop_assert_eq!(c, expected(&a, &b, &correction, [m, n, k]));
        }
    }
}
