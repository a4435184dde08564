//! Which shape of tile is fastest: a model of what one term costs, in quarters of a cycle.
//!
//! A choice here changes speed only.

use super::tile::HALF;
use crate::Isa;

/// The rows that tiles of 1, 2 and 4 panels may have at most, and costs for each vector of 16.
struct Model {
    rows: [(usize, usize); 3],
    multiply: usize,
    load: usize,
    broadcast: usize,
    /// The time between dependent multiplications.
    latency: usize,
}

fn model(isa: Isa) -> Model {
    match isa {
        Isa::Avx2(_) => {
            Model { rows: [(1, 6), (2, 2), (4, 1)], multiply: 4, load: 4, broadcast: 2, latency: 16 }
        }
        Isa::Avx512(_) => {
            Model { rows: [(1, 14), (2, 14), (4, 6)], multiply: 2, load: 2, broadcast: 2, latency: 16 }
        }
        Isa::Neon(_) => {
            Model { rows: [(1, 6), (2, 3), (4, 1)], multiply: 8, load: 8, broadcast: 2, latency: 16 }
        }
        Isa::Reference => {
            Model { rows: [(1, 4), (1, 4), (1, 4)], multiply: 64, load: 16, broadcast: 4, latency: 16 }
        }
    }
}

impl Model {
    /// One term of one tile.
    fn term(&self, rows: usize, panels: usize) -> usize {
        let multiply = self.multiply * rows * panels;
        let load = self.load * panels + self.broadcast * rows;
        multiply.max(load).max(self.latency) + 2
    }
}

/// A division of rows into tiles: the first `large` have `rows` rows, the others `small`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) rows: usize,
    pub(crate) large: usize,
    pub(crate) small: usize,
    pub(crate) tiles: usize,
    /// Panels of a tile; what is left over goes by the next smaller of 4, 2 and 1.
    pub(crate) panels: usize,
}

impl Shape {
    /// Tiles of at most so many rows, of nearly the same size; or, if that can be had, tiles that keep to the
    /// lines of an image that is `width` wide, for then their rows are evenly spaced.
    fn new(rows: usize, most: usize, width: usize, panels: usize) -> Self {
        if most == 2 * HALF && rows > most && rows.is_multiple_of(width) {
            if width == HALF {
                return Self {
                    rows: most,
                    large: rows / most,
                    small: HALF,
                    tiles: rows.div_ceil(most),
                    panels,
                };
            }
            let parts = (width.div_ceil(most)..=width / HALF).find(|&parts| width.is_multiple_of(parts));
            if let Some(each) = parts.map(|parts| width / parts) {
                return Self { rows: each, large: rows / each, small: 0, tiles: rows / each, panels };
            }
        }
        let tiles = rows.div_ceil(most);
        let each = rows.div_ceil(tiles);
        Self { rows: each, large: rows - tiles * (each - 1), small: each - 1, tiles, panels }
    }

    /// The first row of a tile.
    pub(crate) fn first_row(&self, tile: usize) -> usize {
        tile.min(self.large) * self.rows + tile.saturating_sub(self.large) * self.small
    }

    fn cost(&self, model: &Model, panels: usize) -> usize {
        let mut cost = 0;
        let mut left = panels;
        for width in [4, 2, 1] {
            if width > self.panels {
                continue;
            }
            let small = self.tiles - self.large;
            let one = self.large * model.term(self.rows, width)
                + if small > 0 { small * model.term(self.small, width) } else { 0 };
            cost += left / width * one;
            left %= width;
        }
        cost
    }
}

/// The cheapest shape for rows of which `width` lie side by side.
pub(crate) fn choose(isa: Isa, rows: usize, width: usize, panels: usize) -> Shape {
    let model = model(isa);
    let mut best = Shape::new(rows, 1, 1, 1);
    let mut least = usize::MAX;
    for (wide, most) in model.rows {
        if wide > panels {
            continue;
        }
        let shape = Shape::new(rows, most, width, wide);
        let cost = shape.cost(&model, panels);
        if cost < least {
            (best, least) = (shape, cost);
        }
    }
    best
}

/// The width of the next tile when so many panels are left.
pub(crate) fn width(shape: &Shape, left: usize) -> usize {
    match left.min(shape.panels) {
        4.. => 4,
        2 | 3 => 2,
        _ => 1,
    }
}
