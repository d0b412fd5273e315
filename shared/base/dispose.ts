/** Things that are closed together, the last one opened first: every one is closed, the first failure is thrown at the end. */
export class DisposeStack implements AsyncDisposable {
  #disposers: (() => unknown)[] = [];

  /** Takes `resource` over and gives it back for use. */
  use<T extends Disposable | AsyncDisposable>(resource: T): T {
    this.#disposers.push(() => {
      if (Symbol.asyncDispose in resource) return resource[Symbol.asyncDispose]();
      resource[Symbol.dispose]();
      return undefined;
    });
    return resource;
  }

  /** A stack with everything of this one, which is empty afterwards: for a constructor that has succeeded. */
  move(): DisposeStack {
    const next = new DisposeStack();
    next.#disposers = this.#disposers;
    this.#disposers = [];
    return next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (let dispose = this.#disposers.pop(); dispose !== undefined; dispose = this.#disposers.pop()) {
      try {
        await dispose();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
