/** The one thing of WebAssembly that is used here; its whole declaration comes with the browser's library only. */
declare namespace WebAssembly {
  interface SharedMemorySize {
    /** Pages of 64 KiB. */
    readonly initial: number;
    readonly maximum: number;
    readonly shared: true;
  }
  class Memory {
    constructor(size: SharedMemorySize);
    readonly buffer: SharedArrayBuffer;
  }
}
