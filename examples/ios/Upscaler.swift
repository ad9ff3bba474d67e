// pod 'TensorFlowLiteSwift', :subspecs => ['Metal']
import CoreGraphics
import Foundation
import TensorFlowLite

/// Along a side, the model sees a tile from `start` on; `from` to `to` is kept.
private struct Part {
    let start: Int
    let from: Int
    let to: Int
}

/// Enlarges pictures four times. One thread at a time.
final class Upscaler {
    /// Nothing is known of how the picture was made, and it has no damage.
    static let undamaged: [Float32] = [Float32](repeating: 1 / 6, count: 6) + [0, 0, 0, 0]

    private let scale = 4
    private let overlap = 20
    private let tile: Int
    private let step: Int
    private let interpreter: Interpreter
    private let pictureInput: Int
    private let degradationInput: Int?

    /// `modelPath` is a file of a fixed size with float pixels: `light_float16_128.tflite`.
    /// `step` is what its metadata says: 2 for `light_rt`, whose tiles start at even
    /// positions.
    init(modelPath: String, step: Int = 1) throws {
        // Without a GPU, or where it refuses the file, the CPU computes.
        let onGPU = try? Upscaler.open(modelPath, [MetalDelegate()])
        interpreter = try onGPU ?? Upscaler.open(modelPath, [])
        var picture = 0
        var degradation: Int?
        var side = 0
        for number in 0..<interpreter.inputTensorCount {
            let shape = try interpreter.input(at: number).shape.dimensions
            if shape.count == 4 {
                picture = number
                side = shape[1]
            } else {
                degradation = number
            }
        }
        pictureInput = picture
        degradationInput = degradation
        tile = side
        self.step = step
    }

    /// The result is opaque sRGB. Not for the main thread.
    ///
    /// `degradation` is for a model that is told how a picture was made: the odds of six
    /// kernels, then JPEG strength, noise, blur and sharpening. `progress` may throw to
    /// cancel.
    func upscale(
        _ image: CGImage,
        degradation: [Float32] = Upscaler.undamaged,
        progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
    ) throws -> CGImage {
        let (width, height) = (image.width, image.height)
        var pixels = [UInt8](repeating: 255, count: 4 * width * height)
        try Upscaler.withContext(&pixels, width, height) { context in
            let whole = CGRect(x: 0, y: 0, width: width, height: height)
            context.setFillColor(CGColor(red: 1, green: 1, blue: 1, alpha: 1))
            context.fill(whole)
            context.draw(image, in: whole)
        }
        var result = [UInt8](repeating: 255, count: 4 * scale * width * scale * height)
        let (rows, columns) = (parts(height), parts(width))
        var done = 0
        for row in rows {
            for column in columns {
                let lr = cut(pixels, width, height, row.start, column.start)
                if let number = degradationInput {
                    try interpreter.copy(Upscaler.data(degradation), toInputAt: number)
                }
                try interpreter.copy(Upscaler.data(lr), toInputAt: pictureInput)
                try interpreter.invoke()
                let output = try interpreter.output(at: 0).data
                paste(output, &result, scale * width, row, column)
                done += 1
                try progress(done, rows.count * columns.count)
            }
        }
        return try Upscaler.withContext(&result, scale * width, scale * height) {
            (context: CGContext) throws -> CGImage in
            guard let sr = context.makeImage() else { throw UpscalerError.noMemory }
            return sr
        }
    }

    private static func open(_ path: String, _ delegates: [Delegate]) throws -> Interpreter {
        var options = Interpreter.Options()
        options.threadCount = 4
        let interpreter = try Interpreter(
            modelPath: path, options: options, delegates: delegates)
        try interpreter.allocateTensors()
        return interpreter
    }

    /// RGBA bytes as a picture to draw on.
    private static func withContext<Result>(
        _ bytes: inout [UInt8], _ width: Int, _ height: Int,
        _ body: (CGContext) throws -> Result
    ) throws -> Result {
        try bytes.withUnsafeMutableBytes { buffer in
            guard
                let space = CGColorSpace(name: CGColorSpace.sRGB),
                let context = CGContext(
                    data: buffer.baseAddress, width: width, height: height,
                    bitsPerComponent: 8, bytesPerRow: 4 * width, space: space,
                    bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)
            else { throw UpscalerError.noMemory }
            return try body(context)
        }
    }

    private static func data(_ values: [Float32]) -> Data {
        values.withUnsafeBytes { Data($0) }
    }

    /// What the model sees from (top, left) on, as float [0, 1].
    private func cut(
        _ pixels: [UInt8], _ width: Int, _ height: Int, _ top: Int, _ left: Int
    ) -> [Float32] {
        var lr: [Float32] = []
        lr.reserveCapacity(3 * tile * tile)
        for y in top..<(top + tile) {
            let line = width * place(y, height)
            for x in left..<(left + tile) {
                let place = 4 * (line + place(x, width))
                for channel in 0..<3 {
                    lr.append(Float32(pixels[place + channel]) / 255)
                }
            }
        }
        return lr
    }

    /// What is kept of a tile's result, to its place.
    private func paste(
        _ output: Data, _ result: inout [UInt8], _ resultWidth: Int, _ row: Part,
        _ column: Part
    ) {
        output.withUnsafeBytes { bytes in
            let sr = bytes.bindMemory(to: Float32.self)
            for y in (scale * row.from)..<(scale * row.to) {
                let seen = (y - scale * row.start) * scale * tile
                var from = 3 * (seen + scale * (column.from - column.start))
                var to = 4 * (y * resultWidth + scale * column.from)
                for _ in 0..<(scale * (column.to - column.from)) {
                    for channel in 0..<3 {
                        // Rounded, never cut: cutting darkens by half a level.
                        let level = (255 * sr[from + channel]).rounded()
                        result[to + channel] = UInt8(max(0, min(255, level)))
                    }
                    from += 3
                    to += 4
                }
            }
        }
    }

    /// The parts of a side of `n` pixels.
    private func parts(_ n: Int) -> [Part] {
        let whole = filled(n)
        if whole <= tile {
            return [Part(start: (whole - tile) / 2 / step * step, from: 0, to: n)]
        }
        let count = (whole - 2 * overlap - 1) / (tile - 2 * overlap) + 1
        let starts = (0..<count).map { $0 * (whole - tile) / (count - 1) / step * step }
        let middles = zip(starts, starts.dropFirst()).map { ($0 + tile + $1) / 2 }
        return (0..<count).map { i in
            Part(
                start: starts[i], from: i == 0 ? 0 : middles[i - 1],
                to: i == count - 1 ? n : middles[i])
        }
    }

    /// The pixel that stands at `i`, which may lie outside `0..<n`.
    private func place(_ i: Int, _ n: Int) -> Int {
        let whole = filled(n)
        let place = ((i % (2 * whole)) + 2 * whole) % (2 * whole)
        return min(place, 2 * whole - 1 - place, n - 1)
    }

    /// A side with its last pixel repeated up to a multiple of `step`.
    private func filled(_ n: Int) -> Int {
        (n + step - 1) / step * step
    }
}

enum UpscalerError: Error {
    case noMemory
}
