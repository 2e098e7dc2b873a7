/* Columns of numbers with a bounded number of rows. The memory for the rows that are kept is allocated once, so that a
   page that is left open does not grow. */

const SPARE_ROWS = 256; // free at the end, so that the rows are rarely moved

/** Rows of numbers in the order of time; each column is a property: a Float64Array, valid until the next change. */
export class Columns {
  #names;
  #most;
  #buffers;
  #begin = 0;
  #end = 0;

  /** @param {string[]} names of the columns @param {number} most largest number of rows */
  constructor(names, most) {
    this.#names = names;
    this.#most = most;
    this.#buffers = names.map(() => new Float64Array(most + SPARE_ROWS));
    this.#show();
  }

  /** Number of rows. */
  get length() {
    return this.#end - this.#begin;
  }

  /** Keep at most `most` rows: the oldest ones are dropped, now and with each further row. */
  keep(most) {
    this.#most = most;
    if (this.length > most) this.#drop();
  }

  /** Add the newest row, with values in the order of the columns. */
  append(row) {
    if (this.#end === this.#buffers[0].length) this.#moveTo(0, this.length + SPARE_ROWS);
    this.#buffers.forEach((buffer, index) => (buffer[this.#end] = row[index]));
    this.#end += 1;
    this.#drop();
  }

  /** Remove the newest row. */
  removeLast() {
    this.#end -= 1;
    this.#show();
  }

  /** Insert older rows before the others. They are given as columns of equal length, and all rows are kept. */
  insertFirst(columns) {
    const count = columns[0].length;
    if (count > this.#begin) this.#moveTo(count, count + this.length + SPARE_ROWS);
    this.#begin -= count;
    this.#buffers.forEach((buffer, index) => buffer.set(columns[index], this.#begin));
    this.#most = Math.max(this.#most, this.length);
    this.#show();
  }

  /** Replace all rows, given as columns of equal length. */
  replace(columns) {
    this.#begin = this.#end = 0;
    this.insertFirst(columns);
  }

  #drop() {
    this.#begin = Math.max(this.#begin, this.#end - this.#most);
    this.#show();
  }

  #moveTo(begin, capacity) {
    const length = this.length;
    this.#buffers = this.#buffers.map((buffer) => {
      const moved = buffer.length < capacity ? new Float64Array(capacity) : buffer;
      moved.set(buffer.subarray(this.#begin, this.#end), begin);
      return moved;
    });
    this.#begin = begin;
    this.#end = begin + length;
  }

  #show() {
    this.#names.forEach((name, index) => (this[name] = this.#buffers[index].subarray(this.#begin, this.#end)));
  }
}
