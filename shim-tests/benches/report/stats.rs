//! Medians, quartiles and confidence intervals.

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
