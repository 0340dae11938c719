//! Medians, quartiles and the order of a round.

use crate::chart::Value;

/// Values from the least to the greatest.
pub struct Sorted(Vec<f64>);

impl Sorted {
    /// At least one value.
    pub fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    pub fn quartiles(&self) -> (f64, f64) {
        (self.quantile(0.25), self.quantile(0.75))
    }

    /// The 95 % confidence interval of the median. Of n values, those below the true median are
    /// binomially distributed, whatever the values' own distribution: n/2, standard deviation
    /// sqrt(n)/2.
    pub fn confidence(&self) -> (f64, f64) {
        let count = self.0.len() as f64;
        let reach = 1.96 * count.sqrt() / 2.0;
        let low = (count / 2.0 - reach).floor().max(0.0) as usize;
        let high = (count / 2.0 + reach).ceil() as usize;
        (self.0[low], self.0[high.min(self.0.len() - 1)])
    }

    /// The median and its confidence interval, to be drawn.
    pub fn interval(&self) -> Value {
        let (low, high) = self.confidence();
        Value {
            median: self.median(),
            low,
            high,
        }
    }

    fn quantile(&self, part: f64) -> f64 {
        let place = part * (self.0.len() - 1) as f64;
        let (below, above) = (
            self.0[place.floor() as usize],
            self.0[place.ceil() as usize],
        );
        below + (above - below) * place.fract()
    }
}

/// The rounds' own ratios.
pub fn ratios(own: &[f64], base: &[f64]) -> Sorted {
    Sorted::new(own.iter().zip(base).map(|(own, base)| own / base))
}

/// Puts variants in an order that no drift of the machine can keep step with. xorshift64, always
/// from the same seed: the orders are the same in every run.
pub struct Shuffle(u64);

impl Shuffle {
    pub const fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// Fisher-Yates.
    pub fn shuffle(&mut self, order: &mut [usize]) {
        for last in (1..order.len()).rev() {
            order.swap(last, self.below(last + 1));
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
