import android.content.Context
import android.graphics.Bitmap
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.LiteRtException

private const val SCALE = 4
private const val TILE = 128 // of the file
private const val OVERLAP = 20

/** Along a side, the model sees TILE pixels from `start` on; `from` until `to` is kept. */
private class Part(val start: Int, val from: Int, val to: Int)

/**
 * Enlarges bitmaps four times. One thread at a time; close it in the end.
 *
 * `asset` is a file of a fixed size, TILE x TILE, with float pixels. `step` is what its
 * metadata says: 2 for `light_rt`, whose tiles start at even positions.
 */
class Upscaler(
    context: Context,
    asset: String = "light_float16_128.tflite",
    private val step: Int = 1
) : AutoCloseable {
    private val model = open(context, asset)
    private val inputs = model.createInputBuffers() // of two, the picture is the last
    private val outputs = model.createOutputBuffers()
    private val lr = FloatArray(TILE * TILE * 3)
    private val line = IntArray(SCALE * TILE)

    /**
     * `bitmap` is in ARGB_8888; the result has no transparency. Not for the UI thread.
     *
     * `degradation` is for a model that is told how a picture was made: the odds of six
     * kernels, then JPEG strength, noise, blur and sharpening. `progress` may throw to
     * cancel.
     */
    fun upscale(
        bitmap: Bitmap,
        degradation: FloatArray = UNDAMAGED,
        progress: (done: Int, total: Int) -> Unit = { _, _ -> }
    ): Bitmap {
        val (width, height) = bitmap.width to bitmap.height
        val pixels = IntArray(width * height)
        bitmap.getPixels(pixels, 0, width, 0, 0, width, height)
        val result =
            Bitmap.createBitmap(SCALE * width, SCALE * height, Bitmap.Config.ARGB_8888)
        val (rows, columns) = parts(height) to parts(width)
        var done = 0
        for (row in rows) for (column in columns) {
            fill(pixels, width, height, row.start, column.start)
            if (inputs.size > 1) inputs.first().writeFloat(degradation)
            inputs.last().writeFloat(lr)
            model.run(inputs, outputs)
            // (1, 4 * TILE, 4 * TILE, 3), a new array
            copy(outputs[0].readFloat(), result, row, column)
            progress(++done, rows.size * columns.size)
        }
        return result
    }

    /** What the model sees from (top, left) on, as float [0, 1]. */
    private fun fill(pixels: IntArray, width: Int, height: Int, top: Int, left: Int) {
        var i = 0
        for (y in top until top + TILE) {
            val start = width * place(y, height)
            for (x in left until left + TILE) {
                val argb = pixels[start + place(x, width)]
                lr[i++] = (argb shr 16 and 255) / 255f
                lr[i++] = (argb shr 8 and 255) / 255f
                lr[i++] = (argb and 255) / 255f
            }
        }
    }

    /** What is kept of a result, to its place. */
    private fun copy(sr: FloatArray, result: Bitmap, row: Part, column: Part) {
        val (left, right) = SCALE * column.from to SCALE * column.to
        for (y in SCALE * row.from until SCALE * row.to) {
            val seen = (y - SCALE * row.start) * SCALE * TILE
            var i = 3 * (seen + left - SCALE * column.start)
            for (x in 0 until right - left) {
                line[x] = 255 shl 24 or
                    (level(sr[i++]) shl 16) or (level(sr[i++]) shl 8) or level(sr[i++])
            }
            result.setPixels(line, 0, SCALE * TILE, left, y, right - left, 1)
        }
    }

    /** The parts of a side of `n` pixels. */
    private fun parts(n: Int): List<Part> {
        val whole = filled(n)
        if (whole <= TILE) return listOf(Part((whole - TILE) / 2 / step * step, 0, n))
        val count = (whole - 2 * OVERLAP - 1) / (TILE - 2 * OVERLAP) + 1
        val starts = List(count) { it * (whole - TILE) / (count - 1) / step * step }
        val middles = starts.zipWithNext { one, two -> (one + TILE + two) / 2 }
        return List(count) {
            val from = if (it == 0) 0 else middles[it - 1]
            Part(starts[it], from, middles.getOrElse(it) { n })
        }
    }

    /** Index of the pixel that stands at `i`, which may lie outside 0 until `n`. */
    private fun place(i: Int, n: Int): Int {
        val whole = filled(n)
        val place = Math.floorMod(i, 2 * whole)
        return minOf(place, 2 * whole - 1 - place, n - 1)
    }

    /** A side with its last pixel repeated up to a multiple of `step`. */
    private fun filled(n: Int) = (n + step - 1) / step * step

    override fun close() {
        (inputs + outputs).forEach { it.close() }
        model.close()
    }

    companion object {
        /** Nothing is known of how the picture was made, and it has no damage. */
        val UNDAMAGED = FloatArray(10) { if (it < 6) 1f / 6 else 0f }

        private fun open(context: Context, asset: String): CompiledModel =
            try {
                val gpu = CompiledModel.Options(Accelerator.GPU)
                CompiledModel.create(context.assets, asset, gpu)
            } catch (error: LiteRtException) { // no GPU, or none that takes the file
                val cpu = CompiledModel.Options(Accelerator.CPU)
                cpu.cpuOptions = CompiledModel.CpuOptions(numThreads = 4)
                CompiledModel.create(context.assets, asset, cpu)
            }

        /** Rounded, never cut: cutting darkens by half a level. */
        private fun level(value: Float) = (255f * value + 0.5f).toInt().coerceIn(0, 255)
    }
}
