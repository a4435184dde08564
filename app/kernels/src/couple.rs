//! Probabilities of classes from those of their pairs, by the iteration of Wu, Lin and Weng.
//!
//! One body for every instruction set: the steps of the iteration depend on each other, and k is small.

/// Sweeps, at most.
const SWEEPS: usize = 100;

/// Writes k probabilities for each row of `pairs` (r_ij for i < j, in order). `scratch` holds k (k + 1) numbers;
/// what they are does not matter.
pub fn couple(classes: usize, pairs: &[f32], out: &mut [f32], scratch: &mut [f32]) {
    let (q, qp) = scratch.split_at_mut(classes * classes);
    let rows = pairs.chunks_exact(classes * (classes - 1) / 2);
    for (pairs, p) in rows.zip(out.chunks_exact_mut(classes)) {
        form(classes, pairs, q);
        p.fill(1.0 / classes as f32);
        for _ in 0..SWEEPS {
            if !sweep(classes, q, &mut qp[..classes], p) {
                break;
            }
        }
    }
}

/// Q: `sum of r_ji^2 over j` on the diagonal, `-(r_ji * r_ij)` beside it, for `r_ji = 1 - r_ij`.
fn form(k: usize, pairs: &[f32], q: &mut [f32]) {
    q.fill(0.0);
    let mut pair = pairs.iter();
    for i in 0..k {
        for j in i + 1..k {
            let r = pair.next().copied().unwrap_or_default();
            let rest = 1.0 - r;
            // Terms come in the order of j for each i, and of i for each j.
            q[i * k + i] += rest * rest;
            q[j * k + j] += r * r;
            q[i * k + j] = -(rest * r);
            q[j * k + i] = q[i * k + j];
        }
    }
}

/// One sweep over the classes; false when p is good enough and was left as it is.
fn sweep(k: usize, q: &[f32], qp: &mut [f32], p: &mut [f32]) -> bool {
    let mut product = 0.0_f32;
    for i in 0..k {
        qp[i] = 0.0;
        for j in 0..k {
            qp[i] += q[i * k + j] * p[j];
        }
        product += p[i] * qp[i];
    }
    let mut worst = 0.0_f32;
    for &value in qp.iter() {
        let error = (value - product).abs();
        if error > worst {
            worst = error;
        }
    }
    // A NaN is no error: such a row ends here.
    if worst < 0.005 / k as f32 {
        return false;
    }
    for i in 0..k {
        let diagonal = q[i * k + i];
        let step = (product - qp[i]) / diagonal;
        let scale = 1.0 + step;
        p[i] += step;
        product = (product + step * (step * diagonal + 2.0 * qp[i])) / scale / scale;
        for j in 0..k {
            qp[j] = (qp[j] + step * q[i * k + j]) / scale;
            p[j] /= scale;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coupled(classes: usize, pairs: &[f32]) -> Vec<f32> {
        let rows = pairs.len() / (classes * (classes - 1) / 2);
        let (mut out, mut scratch) = (vec![0.0; rows * classes], vec![f32::NAN; classes * (classes + 1)]);
        couple(classes, pairs, &mut out, &mut scratch);
        out
    }

    #[test]
    fn two_classes_keep_the_probability_of_their_pair() {
        let p = coupled(2, &[0.8, 0.1]);
        for (found, expected) in p.iter().zip([0.8, 0.2, 0.1, 0.9]) {
            assert!((found - expected).abs() < 0.01, "{p:?}");
        }
    }

    #[test]
    fn consistent_pairs_give_back_their_classes() {
        // r_ij = p_i / (p_i + p_j) for p = 0.5, 0.3, 0.2.
        let p = coupled(3, &[0.625, 0.5 / 0.7, 0.6]);
        for (found, expected) in p.iter().zip([0.5, 0.3, 0.2]) {
            assert!((found - expected).abs() < 0.01, "{p:?}");
        }
    }

    #[test]
    fn a_nan_leaves_every_class_alike() {
        assert_eq!(coupled(3, &[f32::NAN, 0.5, 0.5]), [1.0 / 3.0; 3]);
    }

    #[test]
    fn the_bits_are_the_pinned_ones() {
        let bits: Vec<u32> =
            coupled(4, &[0.9, 0.2, 0.7, 0.4, 0.55, 0.31]).iter().map(|x| x.to_bits()).collect();
        assert_eq!(bits, PINNED);
    }

    const PINNED: [u32; 4] = [0x3e84_4710, 0x3e2d_89bf, 0x3e9e_74ec, 0x3e86_7f28];
}
