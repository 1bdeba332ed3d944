/** From Node 24 on a context of AsyncLocalStorage belongs to the running call and no longer to its async resource:
 *  enterWith() does not change what a resource has taken along when it was made. */
export const hasFrames = Number(process.versions.node.split('.', 1)[0]) >= 24;
