//! The numbers of the price table. They stand in the engine's manifest too; changing one is a new engine.

macro_rules! table {
    ($($(#[$doc:meta])* $name:ident = $value:expr;)*) => {
        $($(#[$doc])* pub(super) const $name: u64 = $value;)*

        /// The price table: every number by its name, in alphabetical order of the rows below.
        pub const PRICES: &[(&str, u64)] = &[$((stringify!($name), $value)),*];
    };
}

table! {
    /// Units of starting a node.
    NODE = 36;
    /// Bytes of a node's traffic that a core's own cache serves.
    NEAR = 2 << 20;
    /// Bytes of a node's traffic that the last cache serves.
    LAST = 12 << 20;
    /// Bytes of a node's traffic that stay in memory which the process has used before.
    FAR = 32 << 20;
    /// Bytes of a value whose places a core's own cache holds.
    CLOSE = 1 << 20;
    /// Bytes of a value whose places the last cache holds.
    MIDDLE = 8 << 20;
    /// Bytes for one unit of the first [`NEAR`].
    NEAR_BYTES = 37;
    /// Bytes for one unit from there to [`LAST`].
    LAST_BYTES = 16;
    /// Bytes for one unit from there to [`FAR`].
    FAR_BYTES = 10;
    /// Bytes for one unit beyond [`FAR`].
    NEW_BYTES = 5;
    /// Units of a run of elements that are worked on together.
    RUN = 11;
    /// Units more of a run of elements of which some are selected.
    SELECTED = 4;
    /// Units of a run that is copied.
    COPY = 7;
    /// Units of a run that is copied behind another operand's.
    APPEND = 8;
    /// Units of an element that is moved by itself, its neighbour being less than a line of 64 bytes away.
    HOP = 1;
    /// Units of one whose neighbour is further away, in a value of at most [`CLOSE`] bytes.
    HOP_NEAR = 3;
    /// Units of one whose neighbour is further away, in a larger value.
    HOP_FAR = 6;
    /// The same, where another axis has the neighbours, so that blocks of lines are turned.
    TURN_FAR = 4;
    /// Elements of a run up to which a core's own cache keeps the lines of all.
    TURN_RUN = 64;
    /// Units of a look-up at a place that the data chooses, in a value of at most [`CLOSE`] bytes.
    LOOKUP_NEAR = 14;
    /// Units of a look-up in a value of at most [`MIDDLE`] bytes.
    LOOKUP_MIDDLE = 40;
    /// Units of a look-up in one block after the other of a larger value, each of at most [`CLOSE`] bytes.
    LOOKUP_BLOCK = 27;
    /// Units of a look-up in a value, or a block of one, of at most twice [`MIDDLE`] bytes.
    LOOKUP_OUTER = 70;
    /// Units of a look-up in a larger one.
    LOOKUP_FAR = 136;
    /// Quarters of a unit of a byte that is looked up in a table of 256.
    LOOKUP_BYTE = 4;
    /// The same, of f32.
    LOOKUP_WIDE = 5;
    /// Quarters of a look-up that puts an element to its place, and does not wait for what is there.
    PUT = 2;
    /// Bytes for one unit of a slice that is looked up in a value of more than [`CLOSE`] bytes.
    SLICE_BYTES = 4;
    /// Fused multiply-adds for one unit.
    FMAS = 24;
    /// The same, in convolutions of fewer than 16 channels, whose taps are looked up.
    FMAS_THIN = 10;
    /// Multiply-adds of integers for one unit.
    MACS = 12;
    /// Units of starting a step that computes on vectors.
    START = 80;
    /// Units more of a product of f32.
    START_PRODUCT = 80;
    /// Units of starting the products of one step of a batch.
    STEP = 90;
    /// Units of starting products of integers.
    START_INT = 150;
    /// Units of one step of a batch of them.
    STEP_INT = 24;
    /// Units more of one that is not done one by one.
    BLOCK_INT = 120;
    /// Units of a group of an image in a convolution of integers.
    GROUP_INT = 200;
    /// The same, of one with few results.
    GROUP_FEW = 100;
    /// Units of a step of a batch below which its sums may be formed one by one.
    FEW = 512;
    /// Units of one of their multiply-adds.
    FEW_MAC = 1;
    /// The same, of a convolution.
    FEW_TAP = 2;
    /// Units of one of these sums, besides.
    FEW_RESULT = 6;
    /// Terms of a sum below which few sums are formed one by one.
    FEW_TERMS = 64;
    /// Rows or columns that are computed side by side, at least.
    FEW_LANES = 8;
    /// Elements side by side that are moved together, at least.
    SHORTEST = 8;
    /// Results of a row of an image over which a tap passes quickly.
    LONG_ROW = 48;
    /// Units of one row of 16 sums, besides its multiply-adds.
    LINE = 10;
    /// The same, of integers.
    LINE_INT = 12;
    /// Quarters of a unit of an element that is brought to its place for products.
    ARRANGE = 3;
    /// Quarters of a unit of an integer that is brought to its place with its neighbours.
    LAY_INT = 1;
    /// The same, where neighbours become terms.
    TURN_INT = 3;
    /// The same, of one by itself, with others less than [`APART_INT`] bytes away.
    NEAR_INT = 6;
    /// The same, of one far from all others.
    FAR_INT = 12;
    /// Quarters of a unit more of a term of a row that meets lines of columns.
    PAIR_INT = 3;
    /// Bytes between integers that are far from each other.
    APART_INT = 64;
    /// Units of a row or column of dot products, and of four of their results.
    DOT = 16;
    /// Units of four terms that pass over a line of sums, besides these.
    PASS = 20;
    /// Bytes between the terms of a column from which on each of its elements costs a unit more: pages are far.
    APART = 2048;
    /// Terms of a column from which on their pages are more than a core knows.
    PAGES = 1024;
    /// Bytes of an image before and after a convolution for one unit, which may be turned so or not.
    TURNED = 2;
    /// Elements of an image of f32 that are brought into blocks of channels for one unit.
    BLOCKED = 4;
    /// Units of 16 columns that are brought to their places, besides their elements.
    PANEL = 90;
    /// Units of an element of an einsum whose result's last axis gives no columns.
    SCATTERED = 8;
    /// Units of an element that a grouped convolution brings to its place by itself.
    GATHER = 3;
    /// Units of one tap of an integer convolution at one position, besides its channels.
    PATCH = 16;
    /// Units of one row of results of 16 channels of a depthwise convolution.
    DEPTH_ROW = 240;
    /// The same, of bytes.
    DEPTH_ROW_INT = 120;
    /// Units of one tap of 16 results of a depthwise convolution.
    DEPTH_TAP = 1;
    /// The same, of bytes.
    DEPTH_TAP_INT = 7;
    /// Units of one tap of 16 results of a pool.
    TAP = 10;
    /// Units of 16 results of a pool, besides their taps.
    POOL = 80;
    /// The same, of sums.
    POOL_SUM = 150;
    /// Units of one row of a sum, greatest or least.
    FOLD_ROW = 20;
    /// Units of one row of a product.
    FOLD_ROW_PRODUCT = 27;
    /// The same, of integers and bools; twice that from [`FOLDED`] elements on.
    FOLD_ROW_INT = 4;
    /// Elements of i32, or of a product, for one unit.
    FOLDED = 8;
    /// Units of one row of a softmax.
    SOFTMAX_ROW = 120;
    /// Units of one row of a softmax's logarithm.
    LOG_ROW = 180;
    /// Units of one row of a root-mean-square norm.
    NORM_ROW = 100;
    /// Units of one element through exp, sigmoid, silu, and in a softmax.
    EXP = 2;
    /// Units of one element through tanh, erf and what is made of them.
    CURVE = 3;
    /// Units of one element through an arc cosine.
    ARC_COSINE = 10;
    /// Units of one element through a logarithm or inverse hyperbolic cosine.
    LN = 16;
    /// Units of one through a sine, cosine or tangent.
    ANGLE = 22;
    /// Units of one through an arc tangent or inverse hyperbolic tangent.
    ARC = 32;
    /// Units of one through an arc sine, hyperbolic sine or cosine, or inverse hyperbolic sine.
    ARC_SINE = 48;
    /// Units of one power.
    POW = 96;
    /// Units of one remainder of f32.
    REM = 13;
    /// The same, in runs shorter than [`SHORT`].
    REM_SHORT = 33;
    /// Units of one quotient or remainder of integers of up to 32 bits.
    DIVIDE = 3;
    /// The same, of 64 bits.
    DIVIDE_WIDE = 7;
    /// Elements of one byte for one unit that are multiplied.
    BYTES_MULTIPLIED = 16;
    /// Elements for one unit that are compared, or brought from integers to f32.
    QUICK = 4;
    /// Elements for one unit that are brought from numbers to bytes, bytes that are shifted by numbers of their own,
    /// and integers of 64 bits of which the greater is taken.
    ROUNDED = 2;
    /// Elements of a run of quotients or remainders from which on they are formed side by side.
    SHORT = 24;
    /// Elements of the shortest power or remainder.
    LEAST_LANES = 3;
    /// Units of an element of a padded value.
    PADDED = 5;
    /// Units of a tuple of indices, besides each of them.
    TUPLE = 20;
    /// Units of an index of a tuple.
    INDEX = 4;
    /// Units of one element that is converted or summed by itself.
    SINGLE = 2;
    /// Elements of a row whose sums wait for each other; in shorter ones rows overlap.
    OVERLAP = 64;
    /// Units of starting on rows of which each becomes an element or running sums.
    START_ROWS = 12;
    /// Units of an element that is compared with the best so far.
    ARG = 4;
    /// The same, where neighbours are of other rows; bytes cost one more.
    ARG_BESIDE = 3;
    /// Units of a row of which an element is the best.
    ARG_ROW = 4;
    /// Units of a row of running sums.
    ROW = 2;
    /// Units of an element among those of which the best are found.
    SELECT = 12;
    /// Units of one level of sorting one element.
    SORT = 3;
    /// Units of starting a row to be sorted.
    SORT_ROW = 72;
    /// Sweeps of a coupling, at most.
    SWEEPS = 100;
    /// Units of one step down a tree, or one leaf entry.
    TREE_STEP = 4;
    /// Units more in tables of over [`CLOSE`] bytes, for the first rows, which bring them to the core.
    TREE_FETCH = 7;
    /// Rows that do.
    TREE_ROWS = 16;
    /// Units more of a step down a single tree: with others there is something to do meanwhile.
    TREE_WAIT = 12;
    /// Units of a step where leaves do not add up, or the tables may have to be walked as they are.
    TREE_PLAIN = 8;
    /// Units of a step in tables of over [`CLOSE`] bytes that are walked as they are: for each row where leaves do not
    /// add up, else for all rows together, besides the others.
    TREE_PLAIN_FAR = 48;
    /// Units more of starting on an ensemble.
    START_TREES = 50;
    /// Units of starting on a tree.
    TREE = 8;
    /// Units of loading one byte of a plan: reading, hashing, checking and packing it.
    LOAD_BYTE = 2;
    /// Units of loading one node.
    LOAD_NODE = 4500;
    /// Units of loading one that multiplies.
    LOAD_PRODUCT = 8000;
    /// Units of loading one node that costs nothing in a run.
    LOAD_NAME = 1000;
}
