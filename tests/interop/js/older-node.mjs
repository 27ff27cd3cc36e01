// js-libp2p counts on Node 22; Debian and others still have 20, which lacks this.
Promise.withResolvers ??= function () {
  const parts = {}
  parts.promise = new this((resolve, reject) => Object.assign(parts, { resolve, reject }))
  return parts
}
